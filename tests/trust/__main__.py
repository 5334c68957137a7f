"""The long trial by hand: `python -m tests.trust --long` prints what was done, what was lost and what went wrong.

Without `--long` it does a little of each, as the tests do. It needs Linux or macOS.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lmchat.dataclass import replace
from lmchat.world import standard_directories, this_world
from tests.trust.damage import run_damage
from tests.trust.floods import cases, run_floods
from tests.trust.forking import Lmchat, loaded_program
from tests.trust.hostile import MEGABYTE
from tests.trust.hosts import run_hosts
from tests.trust.inputs import run_inputs
from tests.trust.kills import run_kills, run_processes
from tests.trust.secrets import run_secrets
from tests.trust.section import Section
from tests.trust.streams import run_cuts, run_fuzz

Part = Callable[[Lmchat, Path], Section]


def parts(*, long: bool) -> Iterator[Part]:
    """Yield the parts of the trial, in their long or short form."""
    yield lambda lmchat, home: run_kills(lmchat, home, 800 if long else 8)
    yield lambda lmchat, home: run_processes(home, *((6, 50) if long else (2, 3)))
    yield lambda lmchat, home: run_cuts(lmchat, home, 2 if long else 150)
    yield lambda lmchat, home: run_fuzz(lmchat, home, 1000 if long else 12)
    yield lambda lmchat, home: run_damage(lmchat, home, *((500, 5) if long else (8, 3)))
    yield lambda lmchat, home: run_inputs(lmchat, home, 3000 if long else 40)
    yield lambda lmchat, home: run_secrets(lmchat, home, 400 if long else 12)
    yield lambda _, home: _hosts(home, 20_000 if long else 150)
    yield lambda lmchat, _: run_floods(lmchat, cases() if long else cases()[:1])


def _hosts(home: Path, count: int) -> Section:
    world = this_world()
    environ = {**world.environ, "LMCHAT_HOME": str(home), "LMCHAT_MODEL_CACHE": str(home)}
    world = replace(world, environ=environ, directories=standard_directories(environ))
    return run_hosts(world, count)


def main(arguments: Sequence[str]) -> int:
    """Run every part, print the table, and return 1 where anything went wrong."""
    faults = 0
    print(f"{'part':28}{'cases':>9}{'losses':>8}{'faults':>8}{'peak MB':>9}{'seconds':>9}", flush=True)  # noqa: T201
    for part in parts(long="--long" in arguments):
        begun = time.monotonic()
        with loaded_program() as lmchat, tempfile.TemporaryDirectory(prefix="lmchat-trust-") as home:
            section = part(lmchat, Path(home))
        row = f"{section.name:28}{section.cases:>9,}{section.losses:>8}{len(section.faults):>8}"
        print(f"{row}{section.peak / MEGABYTE:>9.0f}{time.monotonic() - begun:>9.0f}", flush=True)  # noqa: T201
        for fault in section.faults[:20]:
            print(f"    {fault}", flush=True)  # noqa: T201
        faults += len(section.faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
