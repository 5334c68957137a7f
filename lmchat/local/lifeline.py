"""How a child process of lmchat knows when to end: its stdin closes when its parent is gone, however that went.

The first line on stdin brings the child's settings, so no secret stands on a command line or in an environment.
It must not know which child it is in.
"""

import ctypes
import json
import os
import signal
import sys
import threading
from typing import Any


def hold() -> dict[str, Any]:
    """Read the settings, and from now on end this process as soon as stdin closes."""
    stream = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115  # held until the process ends
    line = b""
    while not line.endswith(b"\n"):
        more = stream.read(4096)
        if not more:
            os._exit(0)
        line += more

    def watch() -> None:
        while stream.read(4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
    settings: dict[str, Any] = json.loads(line)
    return settings


def die_with_parent() -> None:
    """Ask Linux to kill this process when the thread that started it ends.

    A second line for work that holds Python's lock for seconds (loading a model), where no thread can watch stdin.
    Elsewhere the lifeline alone must do; the process then ends when loading is over.
    """
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
