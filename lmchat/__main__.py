"""The entry point, and the only place besides the REPL loop where errors are shown to the person.

`--version` and completion are answered before anything that takes time is imported, so nothing is imported at the top
here; everything else is done by the command line.
"""

import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from lmchat.cli.command_line import ErrorStyle
    from lmchat.errors import LmchatError
    from lmchat.world import World

_OBJECTS_BETWEEN_COLLECTIONS = 20_000
"""Of Python's own 700, a start would make 200 collections, which find nothing: a twentieth of its time."""


def main(arguments: "Sequence[str] | None" = None, world: "World | None" = None) -> int:
    """Run lmchat with `arguments` (the process's own where None) and return its exit code."""
    if arguments is not None:
        return _status(arguments, world)
    arguments = sys.argv[1:]
    if arguments == ["--version"] and _said_version():
        return 0
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        if arguments[:1] != ["__complete"]:
            _end_in_order()
        return _status(arguments, world)
    except KeyboardInterrupt:  # so early that the exit codes are not loaded
        return 130
    finally:
        # Nothing is left to be collected but what ends with the process; looking for it took a tenth of a start.
        gc.freeze()


def _status(arguments: "Sequence[str]", world: "World | None") -> int:
    """Run lmchat, show what goes wrong, and return the exit code."""
    from lmchat.errors import ExitStatus, LmchatError
    from lmchat.world import abandon

    world, flaw = (world, None) if world else _own_world()
    try:
        return _run(world, arguments, flaw)
    except LmchatError as error:
        return _report(world, arguments, error)
    except KeyboardInterrupt:
        import signal

        # Everything is saved by now: another Ctrl-C must not interrupt the exit.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        abandon(world.stdout)
        return ExitStatus.OK
    except Exception as fault:  # noqa: BLE001 - anything else is a bug, which is reported in one line
        if _wanted(arguments).debug:
            from lmchat.render.messages import show_traceback

            show_traceback(world, fault)
        known = _known(world, fault)
        status = _report(world, arguments, known)
        try:
            world.stdout.flush()
        except OSError:  # stdout cannot be written, and would fail again at exit
            abandon(world.stdout)
        return status


def _said_version() -> bool:
    """Write the version, and return whether that worked."""
    from lmchat import __version__

    try:
        sys.stdout.write(f"lmchat {__version__}\n")  # noqa: TID251 - a World takes longer than all else
        sys.stdout.flush()  # noqa: TID251 - as above
    except (OSError, ValueError, AttributeError):  # full, closed or none: the ordinary way reports which
        return False
    return True


def _known(world: "World", fault: Exception) -> "LmchatError":
    """Return the error for an exception that is not lmchat's own."""
    from lmchat.errors import BugError, LmchatError, system_error
    from lmchat.world import require_output

    if isinstance(fault, OSError):
        try:
            require_output(world)
        except LmchatError as closed:
            return closed
        return system_error(fault)
    return BugError(type(fault).__name__)


def _own_world() -> "tuple[World, LmchatError | None]":
    """Return the world of this process; if `LMCHAT_HOME` is not a path, also the error that says so."""
    from lmchat.errors import LmchatError
    from lmchat.world import this_world

    try:
        return this_world(), None
    except LmchatError as error:
        return this_world(at_home=True), error


def _run(world: "World", arguments: "Sequence[str]", flaw: "LmchatError | None") -> int:
    from lmchat import __version__
    from lmchat.errors import ExitStatus

    if list(arguments) == ["--version"]:
        world.stdout.write(f"lmchat {__version__}\n")
        world.stdout.flush()
        return ExitStatus.OK
    completing = list(arguments[:1]) == ["__complete"]
    if flaw and completing:
        return ExitStatus.OK
    if flaw:
        raise flaw
    if completing:
        from lmchat.cli.completion import complete

        return complete(world, arguments[1:])
    from lmchat.cli.commands import run

    status = run(world, arguments)
    world.stdout.flush()
    return status


def _report(world: "World", arguments: "Sequence[str]", error: "LmchatError") -> int:
    from contextlib import suppress

    from lmchat.render.json_output import error_document, write_document
    from lmchat.render.messages import show_failure
    from lmchat.render.terminal import When
    from lmchat.settings.layers import made_accessible
    from lmchat.world import abandon

    wanted = _wanted(arguments)
    if wanted.as_json:
        with suppress(OSError):
            write_document(world.stdout, error_document(error))
            return error.status
        abandon(world.stdout)
    # Only as typed: the error may be that the settings cannot be read.
    show_failure(
        made_accessible(world), error, colour=next((each for each in When if each.value == wanted.color), When.AUTO)
    )
    return error.status


def _wanted(arguments: "Sequence[str]") -> "ErrorStyle":
    from lmchat.cli.command_line import error_style
    from lmchat.cli.commands import command

    return error_style(command(), arguments)


def _end_in_order() -> None:
    """Turn SIGTERM and a closed terminal into an exception, so that drafts are saved and terminals restored.

    Signals that the program was started to ignore (`nohup`) stay ignored.
    """
    import signal

    from lmchat.world import handle_signal

    def leave(number: int, _frame: "FrameType | None") -> None:
        # A second signal must not interrupt what the first one started.
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    # Ctrl-\ is near Ctrl-C while a reply runs. Windows has none of these but the first.
    for name in ("SIGTERM", "SIGHUP", "SIGQUIT"):
        if number := getattr(signal, name, None):
            handle_signal(number, leave)


if __name__ == "__main__":
    sys.exit(main())
