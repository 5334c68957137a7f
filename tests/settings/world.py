"""A world of one's own for settings: a temporary directory and a made-up environment."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from lmchat.world import Directories, World

NOTHING: Mapping[str, str] = {}


def world_in(directory: Path, text: str | None = None, environ: Mapping[str, str] = NOTHING) -> World:
    """Build a world whose settings file holds `text`, or does not exist."""
    if text is not None:
        (directory / "settings.toml").write_bytes(text.encode())
    places = Directories(settings=directory, data=directory, state=directory, cache=directory)
    return World(StringIO(), StringIO(), StringIO(), environ, places)
