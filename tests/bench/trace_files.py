"""Count the files of lmchat that an `ask` in a pipe, a delta of its reply, a turn in `talk` and `/undo` run through.

    python -m tests.bench.trace_files [--names]

A file counts where one of its functions runs; what only runs because it is imported does not. Each happens in a session
that has a turn, against a small server made of bytes, so nothing is measured that happens once. `--names` lists the
files.
"""

import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, cast

import lmchat
from lmchat.repl import loop
from tests.support.lmstudio import Studio, ended, event
from tests.support.program import run
from tests.support.scripted import Steps, chunk, stream
from tests.support.talking import opened_talk

PAUSE = 0.05
"""Seconds in which a piece of a reply has come to the screen, and no silence is noticed."""

ROOT = str(Path(lmchat.__path__[0]))


@contextmanager
def traced(files: set[str], wanted: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Add the files whose functions run in a block, in any thread, to `files`, while that is `wanted`."""

    def trace(frame: FrameType, _event: str, _argument: Any) -> None:
        code = frame.f_code
        if code.co_filename.startswith(ROOT) and code.co_name != "<module>" and wanted():
            files.add(code.co_filename.removeprefix(f"{ROOT}/"))

    sys.setprofile(trace)
    threading.setprofile(trace)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def files_of_ask(home: Path, studio: Studio) -> set[str]:
    """Return the files of one `ask`."""
    files: set[str] = set()
    command = ("--url", studio.server.url, "ask", "-s", "trace", "Hello")
    run(home, *command)
    with traced(files):
        run(home, *command)
    return files


def files_of_delta(home: Path, studio: Studio) -> set[str]:
    """Return the files of the second piece of a reply, from the socket to the screen."""
    files: set[str] = set()
    coming = threading.Event()

    def pieces() -> Iterator[Any]:
        yield from stream(event("chat.start"), event("message.delta", content="One "), end=False)
        yield PAUSE
        coming.set()
        yield chunk(event("message.delta", content="two"))
        yield PAUSE
        coming.clear()
        yield chunk(ended("One two")) + chunk(b"")

    studio.replies.append(lambda _: cast("Steps", pieces()))
    with traced(files, coming.is_set):
        run(home, "--url", studio.server.url, "ask", "-s", "trace", "Hello")
    return files


def files_of_talk(home: Path, studio: Studio) -> set[str]:
    """Return the files of a prompt that is typed, from the empty input line to the end of the reply."""
    return files_of_line(home, studio, "Hello again")


def files_of_undo(home: Path, studio: Studio) -> set[str]:
    """Return the files of `/undo`."""
    return files_of_line(home, studio, "/undo")


def files_of_line(home: Path, studio: Studio, line: str) -> set[str]:
    """Return the files of the second line that is typed."""
    files: set[str] = set()
    steps: list[None] = []
    step: Callable[..., Any] = loop._step

    def second(state: Any) -> Any:
        steps.append(None)
        if len(steps) != len(("first", "second")):
            return step(state)
        with traced(files):
            return step(state)

    loop._step = second
    try:
        with opened_talk(home, studio) as talk:
            talk.type("Hello", line, name="trace")
    finally:
        loop._step = step
    return files


TRACES: Mapping[str, Callable[[Path, Studio], set[str]]] = {
    "ask": files_of_ask,
    "a delta": files_of_delta,
    "a turn in talk": files_of_talk,
    "/undo": files_of_undo,
}


def main() -> None:
    """Print the numbers."""
    for name, count in TRACES.items():
        studio = Studio()
        with tempfile.TemporaryDirectory() as home, studio.server:
            files = count(Path(home), studio)
        sys.stdout.write(f"{name}: {len(files)} files\n")
        if "--names" in sys.argv:
            sys.stdout.writelines(f"  {each}\n" for each in sorted(files))


if __name__ == "__main__":
    main()
