"""Count the files of lmchat that one `ask` in a pipe and one turn in `talk` run through.

    python -m tests.bench.trace_files [--names]

A file counts where one of its functions runs; what only runs because it is imported does not. Both are the second of
two turns against a small server made of bytes, so nothing is measured that happens once. `--names` lists the files.
"""

import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import lmchat
from lmchat.repl import loop
from tests.cli.program import run
from tests.repl.lmstudio import Studio
from tests.repl.talking import opened_talk

ROOT = str(Path(lmchat.__path__[0]))


@contextmanager
def traced(files: set[str]) -> Iterator[None]:
    """Add the files whose functions run in a block, in any thread, to `files`."""

    def trace(frame: FrameType, _event: str, _argument: Any) -> None:
        code = frame.f_code
        if code.co_filename.startswith(ROOT) and code.co_name != "<module>":
            files.add(code.co_filename.removeprefix(f"{ROOT}/"))

    sys.setprofile(trace)
    threading.setprofile(trace)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def files_of_ask(home: Path, studio: Studio) -> set[str]:
    """Return the files of one `ask` in a session that has a turn."""
    files: set[str] = set()
    command = ("--url", studio.server.url, "ask", "-s", "trace", "Hello")
    run(home, *command)
    with traced(files):
        run(home, *command)
    return files


def files_of_talk(home: Path, studio: Studio) -> set[str]:
    """Return the files of the second prompt that is typed, from the empty input line to the end of the reply."""
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
            talk.type("Hello", "Hello again", name="trace")
    finally:
        loop._step = step
    return files


def main() -> None:
    """Print the numbers."""
    for name, count in (("ask", files_of_ask), ("a turn in talk", files_of_talk)):
        studio = Studio()
        with tempfile.TemporaryDirectory() as home, studio.server:
            files = count(Path(home), studio)
        sys.stdout.write(f"{name}: {len(files)} files\n")
        if "--names" in sys.argv:
            sys.stdout.writelines(f"  {each}\n" for each in sorted(files))


if __name__ == "__main__":
    main()
