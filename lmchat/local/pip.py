"""Run pip in this process, tied to lmchat's life: the program of the child process that fetches a wheel."""

import runpy
import tempfile
from pathlib import Path

from lmchat.local import child_process


def main() -> None:
    """Run pip with this process's arguments; its unfinished files go where the settings say."""
    unfinished = Path(child_process.hold()["unfinished"])
    unfinished.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(unfinished)
    runpy.run_module("pip", run_name="__main__")
