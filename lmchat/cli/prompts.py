"""Put a prompt together from words, standard input and files."""

import os
import select
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from lmchat.app.attachments import quoted_file
from lmchat.errors import BadUseError
from lmchat.world import World

STDIN_WAIT = 3.0
"""Seconds to wait for a pipe's first byte when a prompt was given; `-` waits as long as it takes."""


def prompt_text(world: World, words: Sequence[str], files: Sequence[Path] = ()) -> str:
    """Join the words, the files' contents and standard input; raise BadUseError where nothing is left to ask.

    Standard input is the prompt when there are no words, and follows them, one blank line between, when it
    holds something. With words, a pipe that sends nothing within STDIN_WAIT is left alone.
    """
    asked = " ".join(word for word in words if word != "-").strip()
    wait = None if "-" in words or not asked else STDIN_WAIT
    piped = read_stdin(world, wait, explicit="-" in words)
    parts = [asked, *(quoted_file(path) for path in files), piped]
    text = "\n\n".join(part for part in parts if part)
    if not text.strip():
        raise BadUseError("There is no prompt.", hint='Give one: lmchat ask "What is a monad?"')
    return text


def read_stdin(world: World, wait: float | None, *, explicit: bool = False) -> str:
    """Read standard input to its end, or nothing where it is a terminal that was not asked for.

    `wait` is how many seconds its first byte may take, None for any time.
    """
    if world.stdin.isatty() and not explicit:
        return ""
    if wait is not None and not _speaks(world.stdin, wait):
        world.stderr.write("lmchat: standard input sent nothing, so it is left out; `-` waits for it.\n")
        return ""
    text = world.stdin.read()
    if "\0" in text:
        raise BadUseError("Standard input is not text.", hint="Pictures go along with --image FILE.")
    return text.rstrip("\r\n")


def _speaks(stream: TextIO, wait: float) -> bool:
    """Tell whether a stream has anything to read, or has ended; a file always has."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return True
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)) or os.name == "nt":
        return True
    return bool(select.select([stream], [], [], wait)[0])
