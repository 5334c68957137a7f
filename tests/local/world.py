"""A world in a directory of its own, cheap to import for the programs that tests start."""

from pathlib import Path

from lmchat.dataclass import replace
from lmchat.world import Directories, World, this_world


def world_at(root: Path, **environ: str) -> World:
    """Make a world whose directories are below `root`."""
    ours = this_world()
    variables = {**ours.environ, "HOME": str(root), "LMCHAT_MODEL_CACHE": str(root / "models"), **environ}
    return replace(ours, environ=variables, directories=Directories(root, root, root, root / "cache"))
