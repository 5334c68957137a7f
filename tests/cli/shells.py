"""Real shells in a pseudo-terminal: type a line with a Tab in it, and see which words the program was given."""

import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect

from tests.cli.completions import FOLDER

SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], "lmchat.bash"),
    "zsh": (["-f", "-i"], "_lmchat"),
    "fish": (["--no-config", "-i"], "lmchat.fish"),
}
_SETUP = {
    "bash": "PS1='ready> '; bind 'set enable-bracketed-paste off'; bind 'set show-all-if-ambiguous on'",
    "zsh": "PS1='ready> '; unset zle_bracketed_paste",
    "fish": "function fish_prompt; echo -n 'ready> '; end; function fish_title; end",
}

STUB = """#!/bin/sh
if [ "$1" = __complete ]; then exec {python} -m lmchat "$@"; fi
printf GIVEN
printf '\\037%s' "$@"
echo ' END'
"""
"""Completes as lmchat does, and otherwise only says which words it was given."""

_GIVEN = "GIVEN((?:\x1f[^\x1f]*)*) END"


class Shell:
    """Drive one shell."""

    def __init__(self, process: Any) -> None:
        self._process = process

    def given(self, line: str) -> list[str]:
        """Type a line and Enter, and return the words that the program was given."""
        self._process.send(f"{line}\r")
        self._process.expect(_GIVEN)
        words: str = self._process.match.group(1)
        return words.split("\x1f")[1:]

    def shown(self, line: str, *expected: str) -> str:
        """Type a line, wait until the shell has shown some texts in this order, and return all it showed."""
        self._process.send(line)
        seen = ""
        for text in expected:
            self._process.expect_exact(text)
            seen += self._process.before + text
        self._process.send("x\r")
        self._process.expect(_GIVEN)
        return f"{seen}{self._process.before}"


@contextmanager
def shell(name: str, folder: Path, home: Path) -> Iterator[Shell]:
    """Start a shell with the completion loaded, in `folder`."""
    programs = folder / "programs"
    programs.mkdir()
    stub = programs / "lmchat"
    stub.write_text(STUB.format(python=shlex.quote(sys.executable)))
    stub.chmod(0o755)
    environ = {
        **os.environ,
        "LMCHAT_HOME": str(home),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder),
        "HISTFILE": "",
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm",
    }
    arguments, script = SHELLS[name]
    process = pexpect.spawn(
        shutil.which(name) or name,
        arguments,
        env=environ,
        cwd=str(folder),
        encoding="utf-8",
        dimensions=(50, 200),
        timeout=60,
    )
    process.delaybeforesend = None
    try:
        time.sleep(0.3)
        process.send(f"{_SETUP[name]}; source {FOLDER / script}; lmchat started\r")
        process.expect(_GIVEN)
        yield Shell(process)
    finally:
        process.close(force=True)
