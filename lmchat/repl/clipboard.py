"""The clipboard, by the tools each platform has; where there is none, copying goes through the terminal (OSC 52)."""

import base64
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lmchat.errors import BadUseError
from lmchat.render.terminal import moves_cursor
from lmchat.world import World

_SECONDS = 5
_MOST_BYTES_THROUGH_TERMINAL = 74_994
"""What terminals take at least (tmux, xterm): 100,000 characters of base64, less the frame."""

_COPIERS = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
    ("", ("pbcopy",)),
    ("", ("clip.exe",)),
    # By default tmux takes no OSC 52 from a program; what it loads this way, it passes on to the terminal around it.
    ("TMUX", ("tmux", "load-buffer", "-w", "-")),
)
_PASTERS = (
    ("WAYLAND_DISPLAY", ("wl-paste", "--no-newline")),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-o")),
    ("DISPLAY", ("xsel", "--clipboard", "--output")),
    ("", ("pbpaste",)),
    ("", ("powershell.exe", "-NoProfile", "-Command", "Get-Clipboard -Raw")),
)
_PICTURE_PASTERS = (
    ("WAYLAND_DISPLAY", ("wl-paste", "--type", "image/png")),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-t", "image/png", "-o")),
    ("", ("osascript", "-e", "get the clipboard as «class PNGf»")),
)
_PICTURE_IN_WORDS = b"\xc2\xabdata PNGf"
"""How osascript writes a picture: «data PNGf89504E47…», in hexadecimal digits."""


def copy(world: World, text: str) -> str:
    """Put a text into the clipboard and return by which way; raise BadUseError where there is none."""
    data = text.encode("utf-8", "replace")
    for command in _present(_COPIERS, world.environ):
        if _run(command, data) is not None:
            return Path(command[0]).stem
    if not moves_cursor(world.stdout, world.environ):
        raise BadUseError("There is no clipboard here.", hint="/save reply.md keeps it in a file.")
    if len(data) > _MOST_BYTES_THROUGH_TERMINAL:
        raise BadUseError(
            "The text is too long to be copied through the terminal.", hint="/save reply.md keeps it in a file."
        )
    world.stdout.write(osc52(data, world.environ))
    world.stdout.flush()
    return "the terminal"


def osc52(data: bytes, environ: Mapping[str, str]) -> str:
    """Write the escape that puts data into the clipboard; within tmux it is passed on to the terminal around it."""
    escape = f"\x1b]52;c;{base64.b64encode(data).decode()}\x07"
    if environ.get("TMUX"):
        return "\x1bPtmux;" + escape.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return escape


def pasted_picture(world: World) -> bytes | None:
    """Return the picture in the clipboard, or None where there is none."""
    for command in _present(_PICTURE_PASTERS, world.environ):
        data = _run(command)
        if data and (picture := _from_words(data)):
            return picture
    return None


def pasted_text(world: World) -> str:
    """Return the text in the clipboard; raise BadUseError where there is no way to it, or nothing in it."""
    commands = _present(_PASTERS, world.environ)
    if not commands:
        raise BadUseError(
            "There is no clipboard here that lmchat can read.",
            hint="Install wl-clipboard or xclip, or paste with the terminal's own key.",
        )
    for command in commands:
        if text := (_run(command) or b"").decode("utf-8", "replace"):
            return text.replace("\r\n", "\n")
    raise BadUseError("The clipboard is empty.")


def _present(commands: Sequence[tuple[str, tuple[str, ...]]], environ: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Choose the commands that are installed and whose display there is, each with its full path."""
    path = environ.get("PATH")
    wanted = [command for display, command in commands if not display or environ.get(display)]
    found = [(shutil.which(tool, path=path), arguments) for tool, *arguments in wanted]
    return [(tool, *arguments) for tool, arguments in found if tool]


def _run(command: Sequence[str], data: bytes = b"") -> bytes | None:
    """Run a clipboard tool with `data` to read, and return what it wrote; None where it failed."""
    try:
        # A copying tool goes on running to serve the clipboard, and would keep a pipe open.
        output = subprocess.DEVNULL if data else subprocess.PIPE
        done = subprocess.run(  # noqa: S603 - one of the tables above
            command, input=data, stdout=output, stderr=subprocess.DEVNULL, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else bytes(done.stdout or b"")


def _from_words(data: bytes) -> bytes:
    if not data.startswith(_PICTURE_IN_WORDS):
        return data
    try:
        return bytes.fromhex(data.removeprefix(_PICTURE_IN_WORDS).strip().rstrip(b"\xc2\xbb").decode())
    except ValueError:
        return b""
