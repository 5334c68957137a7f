"""Write a small file so that whatever happens meanwhile, either the old or the new one is there, whole.

It must not know what is in it.
"""

import os
import tempfile
from pathlib import Path

from lmchat.errors import SettingsError


def write_safely(path: Path, text: str) -> None:
    """Replace a file's text at once; it keeps its permissions, and a new one is readable by its owner only (0600).

    A link stays a link: what it points at is replaced. Raise SettingsError where the file cannot be written.
    """
    try:
        target = path.resolve()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        permissions = target.stat().st_mode & 0o777 if target.exists() else 0o600
        number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except (OSError, RuntimeError) as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(permissions)
        Path(name).replace(target)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        Path(name).unlink(missing_ok=True)


def _unwritable(path: Path, error: Exception) -> SettingsError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return SettingsError(f"{path} cannot be written: {reason}.")
