"""The models a server listed last, as several programs keep and read them at once."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lmchat.app.model_cache import known_models, known_route, remember_models, remember_route
from lmchat.chat.models import Model
from lmchat.wire.dialects import Finding
from tests.settings.world import world_in

SERVER = "http://localhost:1234"


def test_programs_that_write_at_once_leave_a_whole_list_and_nothing_else(tmp_path: Path) -> None:
    world = world_in(tmp_path)
    lists = [[Model(f"{name}-{number}", "llm") for number in range(20 * (name + 1))] for name in range(4)]

    def work(models: list[Model]) -> set[int]:
        read = set()
        for _ in range(100):
            remember_models(world, SERVER, models)
            read.add(len(known_models(world, [SERVER])))
        return read

    with ThreadPoolExecutor(4) as pool:
        lengths = set().union(*pool.map(work, lists))
    assert lengths <= {20, 40, 60, 80}
    assert len(list(tmp_path.iterdir())) == 1


DAMAGED: list[bytes] = [
    b"", b"\xff", b"[]", b"null", b'{"at":1,"models":[]}', b"[" * 50_000, b'{"at":"2026-04-01T00:00:00","models":[]}',
    b'{"at":"2026-04-01T00:00:00+00:00","models":7}', b'{"at":"2026-04-01T00:00:00+00:00","models":"ab"}',
    b'{"at":"2026-04-01T00:00:00+00:00","models":[7,null,[],{}]}', b'{"at":"9999-12-31T23:59:59+00:00","models":{}}',
    b'{"at":"2026-04-01T00:00:00+00:00","api":[],"keeps":{}}', b"9" * 5000, b"{" * 2_000_000,
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: repr(content[:40]))
def test_a_cache_that_makes_no_sense_is_none(tmp_path: Path, content: bytes) -> None:
    world = world_in(tmp_path)
    remember_models(world, SERVER, [Model("a", "llm")])
    remember_route(world, SERVER, Finding("completions", keeps=False))
    for path in tmp_path.rglob("*.json"):
        path.write_bytes(content)
    assert known_models(world, [SERVER]) == []
    assert known_route(world, SERVER) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.timeout(20)
def test_a_cache_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    world = world_in(tmp_path)
    remember_models(world, SERVER, [Model("a", "llm")])
    for path in tmp_path.rglob("*.json"):
        path.unlink()
        os.mkfifo(path)
    assert known_models(world, [SERVER]) == []
