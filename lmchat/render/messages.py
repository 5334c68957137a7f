"""What lmchat itself says on stderr: failures with their hints, notes, and how far something is that takes long.

It is as safe in a log as on a terminal. What waits is shown by rich's spinner and progress bar, gone in the end; in a
pipe nothing is.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lmchat.errors import LmchatError
from lmchat.render.terminal import PLAIN, Theme, When, is_known, is_plain, moves_cursor, theme_for
from lmchat.render.text import fitted, sanitize, sanitize_line
from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.chat.models import DownloadJob


def show_failure(world: World, error: LmchatError, *, colour: When = When.AUTO) -> None:
    """Write `lmchat: error: One sentence.` and, where there is one, `hint: …` to stderr."""
    theme = theme_for(world.environ, terminal=world.stderr.isatty(), colour=colour)
    said = [("lmchat: ", "error:", theme.styles.failure, error.message), ("", "hint:", theme.styles.faint, error.hint)]
    for before, word, look, sentence in said:
        if sentence:
            line = fitted(f"{before}{word} {sanitize_line(sentence)}", world.stderr, world.environ)
            world.stderr.write(line.replace(word, theme.styled(word, look), 1) + "\n")
    world.stderr.flush()


def show_note(world: World, note: str, *, colour: When = When.AUTO) -> None:
    """Write one faint line to stderr: something to know, not a failure."""
    theme = theme_for(world.environ, terminal=world.stderr.isatty(), colour=colour)
    _write_line(world, note, theme, theme.styles.faint)


def show_line(world: World, sentence: str) -> None:
    """Write one line to stderr in the terminal's ordinary text."""
    _write_line(world, sentence)


def show_question(world: World, question: str) -> None:
    """Write a question to stderr whose answer is typed after it."""
    world.stderr.write(sanitize(question))
    world.stderr.flush()


def show_sign(world: World, sign: str) -> None:
    """Write a sign for the person to stderr, such as a bell; it must be lmchat's own."""
    world.stderr.write(sign)
    world.stderr.flush()


def show_traceback(world: World, fault: BaseException) -> None:
    """Write where a bug is, for `--debug`; it may contain what a server sent."""
    import traceback

    world.stderr.write(sanitize("".join(traceback.format_exception(fault))))


def _write_line(world: World, sentence: str, theme: Theme = PLAIN, style: str = "") -> None:
    line = fitted(sanitize_line(sentence), world.stderr, world.environ)
    world.stderr.write(theme.styled(line, style) + "\n")
    world.stderr.flush()


_BELL = "\a"
_WITH_TITLE = ("rxvt", "foot")
"""Terminals that know `OSC 777 ; notify`, of VTE besides, and not `OSC 9`."""


def called_back(environ: Mapping[str, str], *, desktop: bool, title: str, words: str) -> str:
    """Return what calls a person back; a terminal within a terminal passes on only the bell."""
    within = bool(environ.get("TMUX") or environ.get("STY"))
    if not desktop or within or is_plain(environ):
        return _BELL
    title, words = (sanitize_line(text).replace(";", ",") for text in (title, words))
    if environ.get("VTE_VERSION") or environ.get("TERM", "").startswith(_WITH_TITLE):
        return f"\x1b]777;notify;{title};{words}\a"
    return f"\x1b]9;{title}: {words}\a"


def reports_focus(environ: Mapping[str, str]) -> bool:
    """Tell whether a terminal is known to say when its window loses the focus; tmux does so only where it is set up."""
    if environ.get("TMUX") or environ.get("TERM_PROGRAM") == "Apple_Terminal":
        return False
    return is_known(environ) or bool(environ.get("XTERM_VERSION"))


def title_of(name: str, *, working: bool) -> str:
    """Return what makes a session's name the window's title, with a sign while a reply runs."""
    shown = " - ".join(filter(None, (sanitize_line(name), "lmchat")))
    return f"\x1b]2;{'… ' if working else ''}{shown}\a"


_LOOK_SECONDS = 0.25
_JOIN_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0
"""How long a download may make no progress whose state is a word that lmchat does not know."""

Result = TypeVar("Result")


class _Work(Generic[Result]):
    """Work that a thread does, and what it brings back."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self.results: list[Result] = []
        self.failures: list[Exception] = []

    def __call__(self) -> None:
        try:
            self.results.append(self._work())
        except Exception as failure:  # noqa: BLE001 - raised again where it is waited for
            self.failures.append(failure)


def waited(world: World, label: str, work: Callable[[], Result]) -> Result:
    """Do something that takes long, with a spinner and the elapsed time on the screen.

    Ctrl-C stops the waiting, not the work: KeyboardInterrupt passes through at once.
    """
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    _say(world, f"{label} …")
    job = _Work(work)
    thread = threading.Thread(target=job, daemon=True, name="waited")
    with _progress(
        world, SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    ) as shown:
        shown.add_task(sanitize_line(label), total=None)
        thread.start()
        while thread.is_alive():
            thread.join(_JOIN_SECONDS)
    if job.failures:
        raise job.failures[0]
    return job.results[0]


def watched(world: World, job: "DownloadJob", look: "Callable[[], DownloadJob]") -> "DownloadJob":
    """Show how far a download is until it is over, looking at it again and again; return how it ended."""
    from rich.progress import BarColumn, DownloadColumn, TaskProgressColumn, TimeRemainingColumn, TransferSpeedColumn

    said = 0
    columns = (BarColumn(), TaskProgressColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with _progress(world, *columns) as shown:
        task = shown.add_task("", total=job.total_size_bytes)
        changed, known = world.monotonic(), job.downloaded_bytes
        while not job.over:
            if job.downloaded_bytes != known:
                changed, known = world.monotonic(), job.downloaded_bytes
            elif job.unknown and world.monotonic() - changed > _PATIENCE_SECONDS:
                raise LmchatError(
                    f"The server says nothing of the download that lmchat understands (state {job.status!r}).",
                    hint="It may go on in the server; the same command watches it again.",
                )
            shown.update(task, completed=job.downloaded_bytes or 0, total=job.total_size_bytes)
            quarters = _quarters(job)
            if quarters > said:
                said = quarters
                _say(world, f"{quarters * 25} % is here.")
            time.sleep(_LOOK_SECONDS)
            job = look()
        if job.total_size_bytes:
            shown.update(task, completed=job.total_size_bytes if job.downloaded_bytes is None else job.downloaded_bytes)
    return job


def _quarters(job: "DownloadJob") -> int:
    """Return how many quarters of a download are there, 0 where that is not known."""
    return int(4 * (job.downloaded_bytes or 0) / job.total_size_bytes) if job.total_size_bytes else 0


def _say(world: World, line: str) -> None:
    """Write a line in place of what is painted, on a terminal where nothing can be."""
    if world.stderr.isatty() and not moves_cursor(world.stderr, world.environ):
        show_line(world, line)


@contextmanager
def _progress(world: World, *columns: Any) -> Iterator[Any]:
    """Show rich's progress for the time of a block, where the cursor can be moved."""
    from rich.console import Console
    from rich.progress import Progress

    live = moves_cursor(world.stderr, world.environ)
    console = Console(file=world.stderr, force_terminal=live, _environ=world.environ)
    with Progress(*columns, console=console, transient=True, disable=not live) as progress:
        yield progress
