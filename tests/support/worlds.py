"""Worlds of one's own: temporary directories, and an environment that is made up or this one's.

Cheap to import, since programs that tests start do.
"""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from lmchat.dataclass import replace
from lmchat.world import Directories, World, this_world

NOTHING: Mapping[str, str] = {}


def world_in(directory: Path, text: str | None = None, environ: Mapping[str, str] = NOTHING) -> World:
    """Build a world whose settings file holds `text`, or does not exist."""
    if text is not None:
        (directory / "settings.toml").write_bytes(text.encode())
    places = Directories(settings=directory, data=directory, state=directory, cache=directory)
    return World(StringIO(), StringIO(), StringIO(), environ, places)


def world_at(root: Path, **environ: str) -> World:
    """Make a world like this one whose directories are below `root`."""
    ours = this_world()
    variables = {**ours.environ, "HOME": str(root), "LMCHAT_MODEL_CACHE": str(root / "models"), **environ}
    return replace(ours, environ=variables, directories=Directories(root, root, root, root / "cache"))
