"""What each format of another program becomes: turns in a tree, with all that has a place here."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lmchat.chat.session import Outcome, Session, Turn
from lmchat.chat.values import Image, Message, Reasoning, ToolCall
from lmchat.store.imports.adoption import format_of, session_of
from lmchat.store.imports.found import Found, LeftOut, Refused, Source
from tests.support.documents import RED, chatgpt, claude, lmstudio, message

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FILES = {"file-Red1": RED, "1755 - 4.png": RED}


def source(value: object = None, path: Path | None = None) -> Source:
    def picture(name: str, data: bytes) -> Image | None:
        return Image(name, "image/png", data, 4, 4) if data == RED else None

    return Source("file.json", value, path, FILES.get, picture)


def found(origin: Source) -> tuple[list[Found | Refused], LeftOut]:
    left_out = LeftOut()
    known = format_of(origin)
    assert known is not None
    return list(known.read(origin, left_out)), left_out


def read(origin: Source) -> tuple[Session, LeftOut]:
    (conversation,), left_out = found(origin)
    assert isinstance(conversation, Found)
    return session_of(conversation, NOW, left_out), left_out


def shape(session: Session) -> list[tuple[int, int | None, str, str]]:
    return [(turn.id, turn.parent, turn.prompt.text, turn.reply.text) for turn in session.turns.values()]


def first(session: Session, text: str) -> Turn:
    return next(turn for turn in session.turns.values() if turn.reply.text.startswith(text))


OTHERS: list[object] = [[], {}, [[]], [1], "x", None, 7, {"messages": []}, {"messages": [{"role": "user"}]}]
KNOWN: list[tuple[object, str]] = [
    ([chatgpt()], "ChatGPT"),
    (chatgpt(), "ChatGPT"),
    ([claude()], "Claude"),
    (claude(), "Claude"),
    (lmstudio(), "LM Studio"),
    ({"messages": [], "usePerChatPredictionConfig": True}, "LM Studio"),
]


@pytest.mark.parametrize(("value", "name"), [*KNOWN, *((value, "") for value in OTHERS)])
def test_a_format_is_known_by_what_is_in_the_file(value: object, name: str) -> None:
    known = format_of(source(value))
    assert (known.name if known else "") == name


def test_chatgpt_replies_made_again_and_prompts_edited_are_siblings() -> None:
    session, _ = read(source([chatgpt()]))
    assert shape(session) == [
        (1, None, "青は何色?", "Blue."),
        (2, None, "青は何色?", "It is blue.([Sky](https://sky.example))"),
        (3, 2, "And green?", "Green."),
        (4, 2, "And red?", "Red."),
    ]
    assert (session.head, session.model, session.system) == (3, "", "I am a potter.\n\nBe brief.")
    assert session.path()[-1].model == "gpt-5"
    assert [turn.at.timestamp() - 1_700_000_000 for turn in session.turns.values()] == [1, 1, 8, 10]


def test_chatgpt_thinking_tools_and_pictures_are_kept() -> None:
    session, left_out = read(source([chatgpt()]))
    turn = session.turn(list(session.turns)[1])
    assert turn.reply.items == (
        Reasoning("Colours\n\nIt is a colour.", 3),
        ToolCall("web.search", {"q": "blue"}, "a colour"),
        Message("It is blue.([Sky](https://sky.example))"),
    )
    assert [image.data for image in turn.prompt.images] == [RED]
    assert left_out == {"picture that is not in the export": 1, "audio_asset_pointer": 1}


def test_chatgpt_prompt_without_a_reply_is_an_attempt_and_prompts_in_a_row_are_one() -> None:
    document = chatgpt()
    mapping = document["mapping"]
    mapping["q5"] = {"message": message("user", "One", 12), "parent": "a3"}
    mapping["q6"] = {"message": message("user", "Two", 13), "parent": "q5"}
    document["current_node"] = "q6"
    session, _ = read(source([document]))
    last = session.turns[max(session.turns)]
    assert (last.prompt.text, last.outcome, last.empty) == ("One\n\nTwo", Outcome.INTERRUPTED, True)
    assert session.head == last.parent


def test_chatgpt_messages_in_a_circle_are_left_out_with_their_number() -> None:
    document = chatgpt()
    document["mapping"] |= {
        "x": {"message": message("user", "X"), "parent": "y"},
        "y": {"message": message("assistant", "Y"), "parent": "x"},
        "z": {"message": message("assistant", "Z"), "parent": "z"},
    }
    session, left_out = read(source([document]))
    assert len(session.turns) == 4
    assert left_out["message in a circle"] == 3


def test_claude_is_a_tree_with_thinking_tools_and_attached_texts() -> None:
    session, left_out = read(source([claude()]))
    prompt = "Sort this\n\nFile `list.txt`:\n```txt\nb\na\n```"
    assert shape(session) == [
        (1, None, prompt, "Sorted."),
        (2, 1, "And backwards?", "b, a."),
        (3, 1, "And twice?", ""),
    ]
    assert session.turns[min(session.turns)].reply.items == (
        Reasoning("Easy.", 2.5),
        ToolCall("sort", {"lines": ["b", "a"]}, "a\nb"),
        Message("Sorted."),
    )
    assert (session.head, session.path()[-1].model) == (2, "claude-opus")
    assert left_out == {"attached file": 2, "flag": 1}


def test_claude_of_older_exports_is_a_line() -> None:
    document = claude()
    for each in document["chat_messages"]:
        del each["parent_message_uuid"]
        each["text"] = "".join(block.get("text", "") for block in each["content"])
        each["content"] = []
    del document["current_leaf_message_uuid"]
    session, _ = read(source([document]))
    assert [turn.parent for turn in session.turns.values()] == [None, 1, 2]
    assert session.path()[-1].prompt.text == "And backwards?"


def test_lm_studio_versions_are_siblings_and_what_follows_is_below_the_selected_one() -> None:
    session, left_out = read(source(lmstudio()))
    assert shape(session) == [
        (1, None, "What colour?", "Blue?"),
        (2, None, "What colour?", "It is blue."),
        (3, 2, "Sure?", "Yes."),
    ]
    turn = first(session, "It is")
    assert turn.reply.items == (
        Reasoning("A colour.", 0.74),
        ToolCall("look", {"at": "sky"}, "blue"),
        Message("It is blue."),
    )
    assert turn.reply.stats.given() == {
        "input_tokens": 20,
        "total_output_tokens": 10,
        "tokens_per_second": 57.5,
        "time_to_first_token_seconds": 0.25,
    }
    assert (turn.model, first(session, "Blue?").model, session.system) == ("qwen/qwen3-4b", "tiny", "Be brief.")
    assert [image.data for image in turn.prompt.images] == [RED]
    assert left_out == {"picture that is not there": 1, "citationBlock": 1}


def test_lm_studio_reply_that_was_stopped_is_interrupted() -> None:
    document = lmstudio()
    document["messages"][1]["versions"][1]["steps"][4]["genInfo"]["stats"]["stopReason"] = "userStopped"
    session, _ = read(source(document))
    assert first(session, "It is").outcome is Outcome.INTERRUPTED


def logs(path: Path, version: str, rows: dict[str, list[dict[str, Any]]]) -> Source:
    """Make a database as a version of `llm` does; `llm.sql` has the statements of both."""
    made = sqlite3.connect(path)
    both, *versions = (Path(__file__).parent / "llm.sql").read_text(encoding="utf-8").split("-- only ")
    made.executescript(both + "".join(each.removeprefix(version) for each in versions if each.startswith(version)))
    for table, each in rows.items():
        for row in each:
            columns = ", ".join(f'"{name}"' for name in row)
            made.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(row))})", [*row.values()])  # noqa: S608 - our own rows
    made.commit()
    made.close()
    return source(path=path)


OLD: dict[str, list[dict[str, Any]]] = {
    "conversations": [{"id": "c1", "name": "Colours", "model": "tiny"}],
    "responses": [
        {"id": "r1", "model": "tiny", "prompt": "色?", "system": "Be brief", "response": "青", "conversation_id": "c1"}
        | {"datetime_utc": "2026-01-01T10:00:00+00:00", "input_tokens": 3, "output_tokens": 4},
        {"id": "r2", "model": "tiny", "prompt": "Look", "response": "", "conversation_id": "c1"}
        | {"datetime_utc": "2026-01-01T10:01:00"},
        {"id": "r3", "model": "tiny", "prompt": "", "response": "Red.", "conversation_id": "c1"}
        | {"datetime_utc": "2026-01-01T10:02:00"},
        {"id": "lone", "model": "tiny", "prompt": "Alone", "response": "Yes.", "conversation_id": None}
        | {"datetime_utc": "2026-01-02T10:00:00"},
    ],
    "attachments": [{"id": "a1", "type": "image/png", "content": RED}, {"id": "a2", "type": "text/plain"}],
    "prompt_attachments": [
        {"response_id": "r2", "attachment_id": "a1", "order": 0},
        {"response_id": "r2", "attachment_id": "a2", "order": 1},
    ],
    "fragments": [{"id": 1, "hash": "h", "content": "A fragment."}],
    "prompt_fragments": [{"response_id": "r2", "fragment_id": 1, "order": 0}],
    "tool_calls": [{"response_id": "r2", "name": "see", "arguments": '{"x": 1}', "tool_call_id": "k"}],
    "tool_results": [{"response_id": "r3", "name": "see", "output": "red", "tool_call_id": "k"}],
}


def test_llm_older_log_has_fragments_tools_pictures_and_lone_responses(tmp_path: Path) -> None:
    (colours, lone), left_out = found(logs(tmp_path / "logs.db", "0.26", OLD))
    assert isinstance(colours, Found)
    assert isinstance(lone, Found)
    session = session_of(colours, NOW, left_out)
    assert shape(session) == [(1, None, "色?", "青"), (2, 1, "A fragment.\nLook", "Red.")]
    second = session.path()[-1]
    assert second.reply.items == (ToolCall("see", {"x": 1}, "red"), Message("Red."))
    assert [image.data for image in second.prompt.images] == [RED]
    assert (session.system, second.model, colours.title) == ("Be brief", "tiny", "Colours")
    assert session.path()[0].reply.stats.given() == {"input_tokens": 3, "total_output_tokens": 4}
    assert shape(session_of(lone, NOW, left_out)) == [(1, None, "Alone", "Yes.")]
    assert left_out == {"attachment that is missing or not a picture": 1}


def part(number: int, of: str, position: int, kind: str, text: str | None = None, **payload: Any) -> dict[str, Any]:
    written = json.dumps(payload) if payload else None
    return {"id": number, "message_hash": of, "position": position, "type": kind, "text": text, "payload": written}


NEW: dict[str, list[dict[str, Any]]] = {
    "conversations": OLD["conversations"],
    "responses": OLD["responses"][:1],
    "threads": [{"id": "c1", "name": "Later", "tip_message_hash": "m6"}],
    "turns": [
        {
            "id": "t1",
            "thread_id": "c1",
            "tip_message_hash": "m3",
            "model": "tiny",
            "datetime_utc": "2026-01-01T10:00:00",
        },
        {
            "id": "t2",
            "thread_id": "c1",
            "tip_message_hash": "m6",
            "model": "big",
            "datetime_utc": "2026-01-01T11:00:00",
        },
        {
            "id": "t3",
            "thread_id": "c1",
            "tip_message_hash": "m7",
            "model": "big",
            "datetime_utc": "2026-01-01T12:00:00",
        },
    ],
    "messages": [
        {"hash": "m1", "parent_hash": None, "role": "system"},
        {"hash": "m2", "parent_hash": "m1", "role": "user"},
        {"hash": "m3", "parent_hash": "m2", "role": "assistant"},
        {"hash": "m4", "parent_hash": "m3", "role": "user"},
        {"hash": "m5", "parent_hash": "m4", "role": "assistant"},
        {"hash": "m5t", "parent_hash": "m5", "role": "tool"},
        {"hash": "m6", "parent_hash": "m5t", "role": "assistant"},
        {"hash": "m7", "parent_hash": "m2", "role": "assistant"},
    ],
    "parts": [
        part(1, "m1", 0, "text", "Be brief"),
        part(2, "m2", 0, "text", "色?"),
        part(3, "m3", 0, "reasoning", "Hm."),
        part(4, "m3", 1, "text", "青"),
        part(5, "m4", 0, "text", text_ref=[{"fragment": 1}, {"literal": "Look"}]),
        part(6, "m4", 1, "attachment", attachment={"id": "a1"}),
        part(7, "m5", 0, "tool_call", name="see", arguments={"x": 1}, tool_call_id="k"),
        part(8, "m5t", 0, "tool_result", name="see", output="red", tool_call_id="k"),
        part(9, "m6", 0, "text", "Red."),
        part(10, "m7", 0, "text", "Blue."),
        part(11, "m7", 1, "hologram"),
    ],
    "attachments": OLD["attachments"][:1],
    "fragments": OLD["fragments"],
}


def test_llm_newer_log_is_a_tree_and_has_what_the_older_one_had_once(tmp_path: Path) -> None:
    session, left_out = read(logs(tmp_path / "logs.db", "0.36", NEW))
    assert shape(session) == [
        (1, None, "色?", "青"),
        (2, 1, "A fragment.Look", "Red."),
        (3, None, "色?", "Blue."),
    ]
    assert first(session, "青").reply.items == (Reasoning("Hm."), Message("青"))
    assert first(session, "Red").reply.items == (ToolCall("see", {"x": 1}, "red"), Message("Red."))
    assert first(session, "Red").prompt.images[0].data == RED
    assert (session.head, session.system, first(session, "Red").model) == (2, "Be brief", "big")
    assert left_out == {"hologram in a reply": 1}


def test_llm_views_that_pass_for_tables_are_not_read(tmp_path: Path) -> None:
    made = sqlite3.connect(tmp_path / "logs.db")
    made.execute("CREATE VIEW conversations AS SELECT 1 AS id")
    made.execute(
        "CREATE VIEW responses AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id FROM n) SELECT id FROM n"
    )
    made.close()
    assert format_of(source(path=tmp_path / "logs.db")) is None


def test_llm_file_that_is_damaged_ends_with_what_could_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    many = [{**OLD["responses"][0], "id": f"r{number}", "response": "x" * 3000} for number in range(50)]
    log = logs(path, "0.26", {**OLD, "responses": many})
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 2] = b"\xff" * (len(content) // 2 - len(content) // 3)
    path.write_bytes(content)
    if format_of(log):
        conversations, _ = found(log)
        assert isinstance(conversations[-1], Refused)
