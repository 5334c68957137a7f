"""What a newer lmchat kept never makes this one call the store damaged, and stays as it was."""

import json
from typing import Any

import pytest

from lmchat.chat.exchange import ChatRequest
from lmchat.chat.session import Outcome, Session
from lmchat.chat.values import Prompt
from lmchat.errors import BadUseError
from lmchat.store.store import Store
from lmchat.wire.lmstudio.chat import native_body
from tests.support.conversation import asked

ITEMS: list[dict[str, Any]] = [
    {"kind": "message", "text": "Blue.", "annotations": [{"url": "https://x.example"}]},
    {"kind": "reasoning", "text": "Hm.", "seconds": 1.5, "signature": "abc"},
    {"kind": "tool_call", "tool": "t", "arguments": {}, "output": "o", "provider": None, "cost": 3},
    {"kind": "invalid_tool_call", "reason": "r", "tool": "", "type": "", "arguments": None, "provider": None, "at": 1},
    {
        "kind": "tool_call",
        "tool": "u",
        "arguments": {},
        "output": "",
        "provider": {"kind": "plugin", "name": "mcp/x", "version": "2"},
    },
    {"kind": "citation", "source": {"page": 3}},
]

INTEGRATIONS: list[dict[str, Any]] = [
    {"kind": "plugin", "id": "mcp/x", "allowed_tools": [], "version": 2},
    {"kind": "connector", "name": "calendar"},
]


@pytest.fixture
def newer(store: Store) -> Session:
    """Make a session as a newer lmchat would have left it."""
    session = asked(store, store.create("s"), "What?")
    store._database.execute(
        "UPDATE turn SET outcome = 'paused', items = ?, stats = ?",
        (json.dumps(ITEMS), '{"input_tokens":3,"joules":9}'),
    )
    store._database.execute(
        "UPDATE session SET options = ?, integrations = ?",
        ('{"top_k":3,"dry_multiplier":0.5}', json.dumps(INTEGRATIONS)),
    )
    return store.find(session.name)


def test_items_options_and_stats_of_a_newer_lmchat_are_read(newer: Session) -> None:
    turn = newer.turns[newer.path_numbers()[0]]
    assert turn.reply.text == "Blue."
    assert turn.reply.stats.input_tokens == 3
    assert newer.options.given()["top_k"] == 3


def test_an_outcome_of_a_newer_lmchat_is_one_everywhere(store: Store, newer: Session) -> None:
    (turn,) = newer.path()
    (entry,) = store.tree(newer)
    (summary,) = store.sessions()
    assert turn.outcome.value == "paused"
    assert entry.outcome is summary.outcome is turn.outcome
    assert turn.outcome not in list(Outcome)


def test_they_are_written_back_as_they_were(store: Store, newer: Session) -> None:
    document = store.export(newer)
    assert document["turns"][0]["items"] == ITEMS
    assert document["turns"][0]["outcome"] == "paused"
    assert document["turns"][0]["stats"] == {"input_tokens": 3, "joules": 9}
    assert document["options"] == {"top_k": 3, "dry_multiplier": 0.5}
    assert document["integrations"] == INTEGRATIONS


def test_an_import_keeps_them(store: Store, newer: Session) -> None:
    document = store.export(newer)
    copy = store.export(store.import_(json.loads(json.dumps(document)), "copy"))
    assert copy["turns"] == document["turns"]
    assert copy["options"] == document["options"]
    assert copy["integrations"] == INTEGRATIONS


def test_a_change_of_settings_keeps_an_option_that_is_unknown(store: Store, newer: Session) -> None:
    store.configure(newer)
    kept = store.find("s")
    assert kept.options.given()["dry_multiplier"] == 0.5
    assert store.export(kept)["integrations"] == INTEGRATIONS


def test_an_integration_of_an_unknown_kind_is_refused_by_name_before_it_is_sent(newer: Session) -> None:
    with pytest.raises(BadUseError, match="does not know: connector"):
        native_body(ChatRequest("m", Prompt("Hi"), integrations=newer.integrations), stream=True)
