"""The person's own editor, for prompts that outgrow a line and for files."""

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lmchat.errors import BadUseError

_USUAL = ("editor", "nano", "vim", "vi", "notepad")


def edited(text: str, environ: Mapping[str, str]) -> str:
    """Open $VISUAL, $EDITOR or a usual editor on a text, and return what was saved.

    Raise BadUseError where there is no editor, or where it failed or took the file away: the text is as it was then.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="lmchat-") as directory:
            path = Path(directory, "prompt.md")
            path.write_text(text, encoding="utf-8", errors="replace")
            open_editor(path, environ)
            return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n")
    except OSError as error:
        raise BadUseError(f"The text could not be handed to the editor and back: {error.strerror}.") from None


def open_editor(path: Path, environ: Mapping[str, str]) -> None:
    """Open the person's editor on a file and wait for its end; raise BadUseError where it cannot start or fails."""
    command = _command(environ)
    try:
        status = subprocess.call([*command, str(path)], env=dict(environ))  # noqa: S603 - the person's own editor
    except OSError as error:
        raise BadUseError(
            f"The editor '{command[0]}' does not start: {error.strerror}.", hint="Set EDITOR to another."
        ) from None
    if status:
        raise BadUseError(f"The editor '{command[0]}' failed with {status}.")


def _command(environ: Mapping[str, str]) -> list[str]:
    for name in ("VISUAL", "EDITOR"):
        if words := _words(environ.get(name, "")):
            return words
    found = next(filter(None, (shutil.which(name, path=environ.get("PATH")) for name in _USUAL)), None)
    if found is None:
        raise BadUseError("There is no editor.", hint="Set EDITOR to the one you like.")
    return [found]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return [command]
