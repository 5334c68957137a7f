"""How long `talk` takes from its start until the prompt is drawn in a terminal."""

import os
import sys
import time
from pathlib import Path

import pexpect

ENTRY = "import sys; from lmchat.__main__ import main; sys.exit(main())"
_DRAWN = "> "
_SECONDS = 60


def until_prompt(home: Path, url: str, *arguments: str) -> float:
    """Return the seconds (wall clock) from the start of `talk` until its prompt is drawn in a pseudo-terminal.

    `arguments` are those of `talk`. Raise pexpect.TIMEOUT or pexpect.EOF where no prompt comes.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ = {**kept, "LMCHAT_HOME": str(home), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    began = time.monotonic()
    child = pexpect.spawn(
        sys.executable, ["-c", ENTRY, "--url", url, "talk", *arguments], env=environ, timeout=_SECONDS, encoding="utf-8"
    )
    try:
        child.expect_exact(_DRAWN)
        seconds = time.monotonic() - began
        child.sendeof()
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    return seconds
