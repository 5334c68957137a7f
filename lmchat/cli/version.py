"""What `--version` says, and with `--debug` what it stands on."""

import platform
import sys

from lmchat import __version__

_LIBRARIES = ("typer", "httpx", "rich", "prompt_toolkit", "xllamacpp", "starlette", "uvicorn")


def version_text(*, debug: bool) -> str:
    """Say the version, and where bugs may come from as well."""
    lines = [f"lmchat {__version__}"]
    if debug:
        from importlib.metadata import PackageNotFoundError, version

        lines.append(f"Python {sys.version.split()[0]} on {platform.system()} {platform.machine()}")
        for library in _LIBRARIES:
            try:
                lines.append(f"{library} {version(library)}")
            except PackageNotFoundError:
                lines.append(f"{library} is not installed")
    return "\n".join(lines) + "\n"
