"""Messages of lmchat itself on stderr: failures with their hints, notes, and the progress of what takes long.

They are as safe in a log as on a terminal. Progress is rich's spinner or bar, cleared in the end; in a pipe there is
none.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from lmchat.errors import LmchatError
from lmchat.render.terminal import PLAIN, Theme, When, is_known, is_plain, moves_cursor, theme_for
from lmchat.render.text import fitted, sanitize, sanitize_line
from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.chat.models import DownloadJob


def show_failure(world: World, error: LmchatError, *, colour: When = When.AUTO) -> None:
    """Write `lmchat: error: One sentence.` and, where there is one, `hint: …` to stderr."""
    theme = theme_for(world.environ, terminal=world.stderr.isatty(), colour=colour)
    parts = [("lmchat: ", "error:", theme.styles.failure, error.message), ("", "hint:", theme.styles.faint, error.hint)]
    for before, word, style, sentence in parts:
        if sentence:
            line = fitted(f"{before}{word} {sanitize_line(sentence)}", world.stderr, world.environ)
            world.stderr.write(line.replace(word, theme.styled(word, style), 1) + "\n")
    world.stderr.flush()


def show_note(world: World, note: str, *, colour: When = When.AUTO) -> None:
    """Write one faint line to stderr: information, not a failure."""
    theme = theme_for(world.environ, terminal=world.stderr.isatty(), colour=colour)
    _write_line(world, note, theme, theme.styles.faint)


def show_line(world: World, sentence: str) -> None:
    """Write one line to stderr in the terminal's ordinary text."""
    _write_line(world, sentence)


def show_question(world: World, question: str) -> None:
    """Write a question to stderr; the answer is typed after it."""
    world.stderr.write(sanitize(question))
    world.stderr.flush()


def show_sign(world: World, sign: str) -> None:
    """Write control characters such as a bell to stderr; nothing in them may come from a server."""
    world.stderr.write(sign)
    world.stderr.flush()


def show_traceback(world: World, fault: BaseException) -> None:
    """Write the traceback of a bug, for `--debug`; it may contain text that a server sent."""
    import traceback

    world.stderr.write(sanitize("".join(traceback.format_exception(fault))))


def _write_line(world: World, sentence: str, theme: Theme = PLAIN, style: str = "") -> None:
    line = fitted(sanitize_line(sentence), world.stderr, world.environ)
    world.stderr.write(theme.styled(line, style) + "\n")
    world.stderr.flush()


_BELL = "\a"
_WITH_TITLE = ("rxvt", "foot")
"""Terminals that support `OSC 777 ; notify` but not `OSC 9`, as VTE does."""


def called_back(environ: Mapping[str, str], *, desktop: bool, title: str, words: str) -> str:
    """Return the bell or the notification that calls a person back to the window.

    A terminal inside another terminal passes on only the bell.
    """
    within = bool(environ.get("TMUX") or environ.get("STY"))
    if not desktop or within or is_plain(environ):
        return _BELL
    title, words = (sanitize_line(text).replace(";", ",") for text in (title, words))
    if environ.get("VTE_VERSION") or environ.get("TERM", "").startswith(_WITH_TITLE):
        return f"\x1b]777;notify;{title};{words}\a"
    return f"\x1b]9;{title}: {words}\a"


def reports_focus(environ: Mapping[str, str]) -> bool:
    """Tell whether a terminal is known to report that its window lost the focus; tmux does so only if configured to."""
    if environ.get("TMUX") or environ.get("TERM_PROGRAM") == "Apple_Terminal":
        return False
    return is_known(environ) or bool(environ.get("XTERM_VERSION"))


def title_of(name: str, *, working: bool) -> str:
    """Return the escape sequence that makes a session's name the window's title, with a mark while a reply runs."""
    shown = " - ".join(filter(None, (sanitize_line(name), "lmchat")))
    return f"\x1b]2;{'… ' if working else ''}{shown}\a"


_POLL_SECONDS = 0.25
_JOIN_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0
"""How long a download in a state that lmchat does not know may make no progress."""

Result = TypeVar("Result")


def waited(world: World, label: str, work: Callable[[], Result]) -> Result:
    """Do something that takes long, with a spinner and the elapsed time on the screen.

    Ctrl-C ends the wait, not the work: KeyboardInterrupt is raised at once.
    """
    results: list[Result] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as failure:  # noqa: BLE001 - raised again where it is waited for
            failures.append(failure)

    thread = threading.Thread(target=run, daemon=True, name="waited")
    with _spinner(world, label):
        thread.start()
        while thread.is_alive():
            thread.join(_JOIN_SECONDS)
    if failures:
        raise failures[0]
    return results[0]


def watched(world: World, job: "DownloadJob", ask: "Callable[[], DownloadJob]") -> "DownloadJob":
    """Show the progress of a download until it is over, asking for its state again and again; return the last state."""
    with _download_progress(world) as show:
        changed, known = world.monotonic(), job.downloaded_bytes
        while not job.over:
            if job.downloaded_bytes != known:
                changed, known = world.monotonic(), job.downloaded_bytes
            elif job.unknown and world.monotonic() - changed > _PATIENCE_SECONDS:
                raise LmchatError(
                    f"The server reports a state of the download that lmchat does not know: {job.status!r}.",
                    hint="The server may still be downloading; run the same command to watch it again.",
                )
            show(job)
            time.sleep(_POLL_SECONDS)
            job = ask()
        show(job)
    return job


@contextmanager
def _spinner(world: World, label: str) -> Iterator[None]:
    """Show that something is waited for, for the duration of a block."""
    if not moves_cursor(world.stderr, world.environ):
        if world.stderr.isatty():
            show_line(world, f"{label} …")
        yield
        return
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    with _progress(
        world, SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    ) as shown:
        shown.add_task(sanitize_line(label), total=None)
        yield


@contextmanager
def _download_progress(world: World) -> "Iterator[Callable[[DownloadJob], None]]":
    """Yield what shows the state of a download: a bar, or a line for each quarter if the cursor cannot be moved."""
    if not moves_cursor(world.stderr, world.environ):
        yield partial(_show_quarter, world, set())
        return
    from rich.progress import BarColumn, DownloadColumn, TaskProgressColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), TaskProgressColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with _progress(world, *columns) as shown:
        task = shown.add_task("", total=None)

        def show(job: "DownloadJob") -> None:
            known = job.downloaded_bytes
            completed = (job.total_size_bytes if job.over else 0) if known is None else known
            shown.update(task, completed=completed, total=job.total_size_bytes)

        yield show


def _show_quarter(world: World, shown: set[int], job: "DownloadJob") -> None:
    """Write a line, once, for the quarter that a download has reached; `shown` collects those."""
    if not world.stderr.isatty() or job.over or not job.total_size_bytes:
        return
    quarter = int(4 * (job.downloaded_bytes or 0) / job.total_size_bytes)
    if quarter > max(shown, default=0):
        shown.add(quarter)
        show_line(world, f"{quarter * 25} % downloaded.")


@contextmanager
def _progress(world: World, *columns: Any) -> Iterator[Any]:
    """Show rich's progress for the duration of a block."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=world.stderr, force_terminal=True, _environ=world.environ)
    with Progress(*columns, console=console, transient=True) as progress:
        yield progress
