"""What tests of several packages share: signals, profiles of property tests, and the built-in model, fetched once."""

import gc
import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from platformdirs import user_cache_path

from lmchat.local.catalogue import BUILT_IN
from lmchat.local.fetch import fetch
from lmchat.world import this_world
from tests.support.short_model import write_short_model

# How many examples the property tests try: `HYPOTHESIS_PROFILE=thorough` tries fifty times more. None is too slow: a
# machine may be busy.
settings.register_profile("ordinary", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("ordinary"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ordinary"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option with which CI finds out that it ran less than it should."""
    parser.addoption(
        "--nothing-missing", action="store_true", help="fail where a test is skipped because something is not installed"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run three workers more than there are cores, since many tests wait."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 3


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where `--nothing-missing` was given and something was; the summary names it."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")  # none in the workers of xdist
    if reporter is None or not session.config.getoption("--nothing-missing"):
        return
    if any("is not installed" in str(report.longrepr) for report in reporter.stats.get("skipped", ())):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the thousands of tests, which stay until the end: a tenth of the time."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what installs programs unless it is asked for, also where another `-m` is given.

    The tests of the built-in model are first: so they are in the part of one worker, and use one server.
    """
    if "engines" not in config.getoption("markexpr"):
        left_out = [item for item in items if item.get_closest_marker("engines")]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if not item.get_closest_marker("engines")]
    items.sort(key=lambda item: item.get_closest_marker("model") is None)


@pytest.fixture(scope="session", autouse=True)
def ordinary_signals() -> Iterator[None]:
    """Let signals do what they do on a terminal, here and in every program that a test starts.

    What runs in the background begins with some of them ignored, and hands that on to its children.
    """
    names = [name for name in ("SIGINT", "SIGQUIT", "SIGHUP") if hasattr(signal, name)]  # Windows has the first only
    before = {number: signal.getsignal(number) for number in (getattr(signal, name) for name in names)}
    for number in before:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def model_cache() -> Path:
    """Return a directory, outside of the checkout, that has the built-in model; it is fetched once per machine."""
    if find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed: the extra `local` brings it")
    named = this_world().environ.get("LMCHAT_MODEL_CACHE")
    cache = Path(named) if named else user_cache_path("lmchat", appauthor=False) / "models"
    fetch(BUILT_IN, cache, lambda _done: None)
    return cache


@pytest.fixture(scope="session")
def short_model_cache(model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that has the built-in model with few of its layers: what it writes makes no sense."""
    cache = tmp_path_factory.mktemp("short-model")
    write_short_model(model_cache, cache)
    return cache
