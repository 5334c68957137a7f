"""Starting an engine: what goes wrong is explained in a sentence that a person can act on."""

import signal
from pathlib import Path
from typing import Any

import pytest

from lmchat.local import engine
from lmchat.local.engine import LoadOptions, load
from lmchat.local.models import Head, ModelFile
from lmchat.local.refusals import Refusal
from tests.local.conftest import gguf_bytes


def model(path: Path) -> ModelFile:
    return ModelFile("mine", path, 10, "me", "Mine", Head("llama", context=2048))


def test_a_file_that_is_no_gguf_is_refused_before_an_engine_starts(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"PK\x03\x04 something else")

    with pytest.raises(Refusal, match=r"mine\.gguf is not a GGUF file"):
        load(model(path), LoadOptions(), lambda _fraction: None)


def test_a_file_that_went_away_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="cannot be loaded"):
        load(model(tmp_path / "gone.gguf"), LoadOptions(), lambda _fraction: None)


def test_a_file_with_a_head_and_no_body_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(gguf_bytes(general__architecture="llama"))

    with pytest.raises(Refusal, match="damaged"):
        load(model(path), LoadOptions(), lambda _fraction: None)


@pytest.mark.parametrize(
    ("status", "words"),
    [(-signal.SIGILL, "no AVX2"), (0xC000001D, "no AVX2"), (-signal.SIGKILL, "memory"), (3, "the very last words")],
)
def test_a_death_is_explained(tmp_path: Path, status: int, words: str) -> None:
    assert words in str(engine._death(model(tmp_path), status, "the very last words"))


def test_a_missing_libgomp_is_named_with_what_brings_it(tmp_path: Path) -> None:
    problem = "libgomp.so.1: cannot open shared object file: No such file or directory"

    assert "apt install libgomp1" in str(engine._failure(model(tmp_path), "ImportError", problem, ""))


@pytest.mark.parametrize(
    ("state", "fraction"),
    [
        ('{"state":"loading","payload":{"stages":["text_model"],"current":"text_model","value":0.7}}', 0.7),
        ('{"state":"ready","payload":{"id":"x"}}', None),
        ('{"state":"loading"}', None),
        ("[]", None),
        ("nonsense", None),
    ],
)
def test_load_progress_is_read_where_there_is_any(state: str, fraction: float | None) -> None:
    assert engine._fraction(state) == fraction


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        (["cmd_child_to_router:state:" + '{"state":"loading","payload":{"value":0.5}}'] * 2, [0.5]),
        (["ggml: something else"], []),
    ],
)
def test_the_same_progress_is_shown_once_and_none_is_invented(
    tmp_path: Path, said: list[str], seen: list[float]
) -> None:
    class Child:
        def lines(self) -> list[str]:
            return [*said, '{"listening": "http://127.0.0.1:1"}']

    heard: list[float] = []
    child: Any = Child()

    assert engine._address(child, model(tmp_path), heard.append) == "http://127.0.0.1:1"
    assert heard == seen
