"""A little of each part of the long trial: no loss, no fault, memory within its bound."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.trust.__main__ import _hosts
from tests.trust.damage import run_damage
from tests.trust.floods import ANSWERS, EVENTS, MOST_MEMORY, Case, first, run_floods
from tests.trust.forking import Lmchat, loaded_program
from tests.trust.hostile import MEGABYTE
from tests.trust.inputs import run_inputs
from tests.trust.kills import run_kills, run_processes
from tests.trust.secrets import run_secrets
from tests.trust.section import Section
from tests.trust.streams import run_cuts, run_fuzz

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


@pytest.fixture(scope="module")
def lmchat() -> Iterator[Lmchat]:
    with loaded_program() as program:
        yield program


def whole(section: Section) -> bool:
    """Tell whether nothing went wrong; pytest shows what did."""
    assert section.faults == []
    return section.cases > 0 and section.losses == 0


def test_killed_at_any_moment_nothing_is_lost(lmchat: Lmchat, tmp_path: Path) -> None:
    assert whole(run_kills(lmchat, tmp_path, 8))


def test_programs_that_write_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    assert whole(run_processes(tmp_path, 2, 3))


def test_a_reply_that_is_cut_keeps_what_came(lmchat: Lmchat, tmp_path: Path) -> None:
    assert whole(run_cuts(lmchat, tmp_path, 150))


def test_a_reply_of_any_bytes_ends_in_order(lmchat: Lmchat, tmp_path: Path) -> None:
    assert whole(run_fuzz(lmchat, tmp_path, 12))


def test_a_damaged_store_ends_every_command_in_order(lmchat: Lmchat, tmp_path: Path) -> None:
    assert whole(run_damage(lmchat, tmp_path, 8, 3))


def test_hostile_values_anywhere_end_in_order(lmchat: Lmchat, tmp_path: Path) -> None:
    assert whole(run_inputs(lmchat, tmp_path, 40))


def test_no_secret_goes_where_it_does_not_belong(lmchat: Lmchat, tmp_path: Path) -> None:
    assert whole(run_secrets(lmchat, tmp_path, 12))


@pytest.mark.skipif(find_spec("uvicorn") is None, reason="uvicorn is not installed")
def test_no_web_page_reaches_the_embedded_server(tmp_path: Path) -> None:
    assert whole(_hosts(tmp_path, 150))


FLOODS: list[Case] = [
    ("provisional heads", ANSWERS["provisional heads"], "lmstudio", ("models",)),
    ("models", ANSWERS["models of 14 MB"], "lmstudio", ("models",)),
    ("lists in JSON", ANSWERS["lists in JSON"], "lmstudio", ("models", "download", "m")),
    ("a bomb as an error", ANSWERS["a bomb as an error"], "lmstudio", ("models", "load", "m")),
    ("items at the end", EVENTS["items at the end"], "lmstudio", ("ask", "-m", "m", "hi")),
]


@pytest.mark.parametrize("case", FLOODS, ids=lambda case: str(case[0]))
def test_an_answer_without_end_takes_bounded_memory(lmchat: Lmchat, case: Case) -> None:
    section = run_floods(lmchat, [case], seconds=60)
    assert whole(section)
    assert section.peak < MOST_MEMORY


def test_pieces_of_a_call_without_end_take_no_memory_each(lmchat: Lmchat) -> None:
    peaks = []
    for megabytes in (1, 15):  # 11,000 pieces of one character, and 170,000
        case: Case = ("calls", first(megabytes * MEGABYTE, EVENTS["calls"]), "completions", ("ask", "-m", "m", "hi"))
        section = run_floods(lmchat, [case], seconds=60)
        assert whole(section)
        peaks.append(section.peak)
    assert peaks[1] - peaks[0] < 10 * MEGABYTE
    assert peaks[1] < MOST_MEMORY
