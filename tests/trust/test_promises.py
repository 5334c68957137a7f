"""README promises nothing without a test that proves it."""

import ast
import re
from pathlib import Path

import pytest

from tests.readme import README

_PROOF = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def promises() -> list[tuple[str, str]]:
    """Return the promises with what is said to prove them."""
    section = re.search(r"^## Promises\n(.*?)^## ", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert section is not None
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", section[1], re.MULTILINE)
    return [(promise, proof) for promise, proof in rows if proof != "proved by" and set(promise) != {"-"}]


def test_there_are_promises_about_data_privacy_network_and_terminals() -> None:
    text = README.read_text(encoding="utf-8")
    assert all(f"| {about} | proved by |" in text for about in ("data", "privacy", "network", "terminals"))
    assert len(promises()) >= 20


@pytest.mark.parametrize(("promise", "proof"), promises(), ids=[promise[:40] for promise, _ in promises()])
def test_every_promise_names_tests_that_are_there(promise: str, proof: str) -> None:
    named = _PROOF.findall(proof)
    assert named
    for file, test in named:
        tree = ast.parse((Path(README.parent) / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{test}"
