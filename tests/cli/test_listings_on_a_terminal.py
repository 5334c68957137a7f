"""Listings on a terminal: what matters most is beside the prompt that follows, and nothing runs off the screen."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lmchat.store.store import open_store
from tests.support.scripted import ScriptedServer, answer
from tests.support.window import LMCHAT, window

pytestmark = pytest.mark.terminal

KEY = "lmstudio-community/qwen3-30b-a3b-instruct-2507-mlx"
MODELS = (
    f'{{"models":[{{"type":"llm","key":"{KEY}","size_bytes":17300000000,"max_context_length":262144,'
    '"quantization":{"name":"4bit"},"publisher":"lmstudio-community",'
    '"loaded_instances":[{"id":"x","config":{"context_length":8192}}],'
    '"capabilities":{"vision":true,"trained_for_tool_use":true}},'
    '{"type":"llm","key":"b","loaded_instances":[]}]}'
)


def shown(home: Path, *arguments: str, rows: int = 24, columns: int = 80, url: str = "http://127.0.0.1:9") -> list[str]:
    """Run a command in a window and return what is on the screen in the end."""
    with window([*LMCHAT, "--url", url, *arguments], home, rows=rows, columns=columns) as there:
        assert there.ended() == 0
        return there.rows()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with thirty sessions."""
    with open_store(tmp_path, now=lambda: datetime.now(UTC)) as store:
        for number in range(30):
            store.create(f"s{number}", "")
    return tmp_path


@pytest.mark.parametrize("rows", [10, 24])
def test_the_newest_session_is_last_and_as_many_as_fit_are_listed(home: Path, rows: int) -> None:
    there = shown(home, "sessions", rows=rows)
    assert there[0].startswith(f"{30 - (rows - 3)} older sessions not shown")
    assert there[1].startswith("NAME")
    assert there[-1].split()[0] == "s29"
    assert len(there) == rows - 1


def test_a_limit_is_what_was_asked_for_with_the_newest_last(home: Path) -> None:
    assert [row.split()[0] for row in shown(home, "sessions", "list", "--limit", "2")[-2:]] == ["s28", "s29"]


def test_the_key_of_a_model_is_whole_and_columns_go_by_worth(tmp_path: Path) -> None:
    with ScriptedServer(answer(200, MODELS)) as server:
        eighty, narrow, wide = (
            shown(tmp_path, "models", *more, columns=columns, url=server.url)
            for columns, more in ((80, ()), (55, ()), (200, ("--wide",)))
        )
    assert eighty[0].split() == ["KEY", "LOADED", "SIZE", "CONTEXT"]
    assert narrow[0].split() == ["KEY"]
    assert wide[0].split() == ["KEY", "LOADED", "SIZE", "CONTEXT", "CAN", "QUANT", "PUBLISHER"]
    assert all(rows[1].split()[0] == KEY for rows in (eighty, narrow, wide))
    assert max(map(len, [*eighty, *narrow])) <= 80


def test_settings_that_are_set_come_first_and_all_fit_on_a_screen(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('model = "acme/big"\ntemperature = 0.4\n')
    there = shown(tmp_path, "settings")
    assert len(there) < 23
    assert [row.split()[0] for row in there[:4]] == ["SETTING", "url", "model", "temperature"]
    text = " ".join(" ".join(there).split())
    assert "width 100" in text.partition("By default:")[2]
    assert "top_p" in text.partition("Not set:")[2]
