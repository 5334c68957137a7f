"""The chat route over an engine of our own: events, chains, defaults, faults, disconnects."""

import http.client
import json
import re
import threading
import time
from typing import Any

import pytest

from lmchat.local import llama
from tests.local.conftest import KEY, Served
from tests.local.engine import HELLO, PROGRESS, delta, last


def events(served: Served, text: str = "Hello", **more: object) -> list[dict[str, Any]]:
    """Send a prompt and return the stream's events, checking each frame's form."""
    answer = served.chat(text, stream=True, **more)
    assert answer.headers["content-type"] == "text/event-stream"
    frames = answer.content.decode().split("\n\n")
    assert frames.pop() == ""
    found = []
    for frame in frames:
        name, data = frame.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def sent(served: Served) -> list[tuple[str, str]]:
    """Return the messages the engine was last asked with, without the default system prompt."""
    messages = [(message["role"], message["content"]) for message in served.engine.asked[-1]["messages"]]
    return [message for message in messages if not message[1].startswith("You are a friendly")]


def test_a_cold_stream_shows_loading_reading_and_writing_in_order(served: Served) -> None:
    found = events(served)

    assert [event["type"] for event in found] == [
        "chat.start",
        "model_load.start",
        "model_load.progress",
        "model_load.progress",
        "model_load.end",
        "prompt_processing.start",
        "prompt_processing.progress",
        "prompt_processing.progress",
        "prompt_processing.progress",
        "prompt_processing.end",
        "message.start",
        "message.delta",
        "message.delta",
        "message.end",
        "chat.end",
    ]


def test_a_warm_stream_shows_no_loading(served: Served) -> None:
    served.chat()

    found = events(served)

    assert not [event for event in found if event["type"].startswith("model_load")]
    assert "model_load_time_seconds" not in found[-1]["result"]["stats"]


def test_progress_is_the_share_of_what_had_to_be_read(served: Served) -> None:
    found = [event["progress"] for event in events(served) if event["type"] == "prompt_processing.progress"]

    assert found == [0.0, 0.5, 1.0]


def test_the_result_brings_the_text_the_numbers_and_an_id(served: Served) -> None:
    result = served.chat().json()

    assert result["model_instance_id"] == KEY
    assert result["output"] == [{"type": "message", "content": "Hello"}]
    assert result["stats"]["input_tokens"] == 200
    assert result["stats"]["total_output_tokens"] == 3
    assert result["stats"]["tokens_per_second"] == 40.0
    assert result["stats"]["time_to_first_token_seconds"] >= 0
    assert result["stats"]["model_load_time_seconds"] >= 0
    assert re.fullmatch("resp_[0-9a-f]{48}", result["response_id"])


def test_the_stream_ends_with_the_same_result(served: Served) -> None:
    result = events(served)[-1]["result"]

    assert result["output"] == [{"type": "message", "content": "Hello"}]
    assert re.fullmatch("resp_[0-9a-f]{48}", result["response_id"])


def test_reasoning_goes_before_the_message_in_events_of_its_own(served: Served) -> None:
    served.engine.script = [
        delta("Hm", 1, "reasoning_content"),
        delta(".", 2, "reasoning_content"),
        delta("Yes", 3),
        last(4),
    ]

    found = events(served, "Really?")

    kinds = [event["type"] for event in found if event["type"].split(".")[0] in ("reasoning", "message")]
    assert kinds == [
        "reasoning.start", "reasoning.delta", "reasoning.delta", "reasoning.end",
        "message.start", "message.delta", "message.end",
    ]  # fmt: skip
    assert found[-1]["result"]["output"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "message", "content": "Yes"},
    ]
    assert found[-1]["result"]["stats"]["reasoning_output_tokens"] == 2


def test_a_second_turn_takes_the_first_along(served: Served) -> None:
    first = served.chat("One").json()["response_id"]

    served.chat("Two", previous_response_id=first)

    assert sent(served) == [("user", "One"), ("assistant", "Hello"), ("user", "Two")]


def test_a_branch_from_an_earlier_id_does_not_see_the_other_branch(served: Served) -> None:
    first = served.chat("One").json()["response_id"]
    served.chat("Two", previous_response_id=first)

    served.chat("Other", previous_response_id=first)

    assert sent(served) == [("user", "One"), ("assistant", "Hello"), ("user", "Other")]


def test_reasoning_is_not_part_of_the_chain(served: Served) -> None:
    served.engine.script = [delta("Hm", 1, "reasoning_content"), delta("Yes", 2), last(3)]
    first = served.chat("One").json()["response_id"]

    served.chat("Two", previous_response_id=first)

    assert sent(served)[1] == ("assistant", "Yes")


def test_the_chain_keeps_its_system_prompt(served: Served) -> None:
    first = served.chat("One", system_prompt="Be brief.").json()["response_id"]

    served.chat("Two", previous_response_id=first)

    assert served.engine.asked[-1]["messages"][0] == {"role": "system", "content": "Be brief."}
    assert sum(message["role"] == "system" for message in served.engine.asked[-1]["messages"]) == 1


def test_a_system_prompt_in_the_middle_of_a_chain_is_appended(served: Served) -> None:
    first = served.chat("One", system_prompt="Be brief.").json()["response_id"]

    served.chat("Two", previous_response_id=first, system_prompt="Be long.")

    roles = [message["role"] for message in served.engine.asked[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "system", "user"]


def test_an_empty_system_prompt_is_one(served: Served) -> None:
    served.chat(system_prompt="")

    assert served.engine.asked[-1]["messages"][0] == {"role": "system", "content": ""}


def test_without_any_the_built_in_model_gets_the_system_prompt_and_temperature_it_needs(served: Served) -> None:
    served.chat()

    assert served.engine.asked[-1]["messages"][0]["content"].startswith("You are a friendly chat assistant.")
    assert served.engine.asked[-1]["temperature"] == 0.2


def test_sampling_goes_to_the_engine(served: Served) -> None:
    asked: dict[str, Any] = {"temperature": 0.7, "top_p": 0.5, "top_k": 3, "min_p": 0.1, "repeat_penalty": 1.2}
    asked["presence_penalty"] = -0.5

    served.chat(**asked, max_output_tokens=7)

    engine = served.engine.asked[-1]
    assert {key: engine[key] for key in asked} == asked
    assert engine["max_tokens"] == 7


def test_a_context_length_is_honoured_when_this_request_loads_the_model(served: Served) -> None:
    served.chat(context_length=2048)

    rows = served.http.get("/api/v1/models").json()["models"]
    assert rows[0]["loaded_instances"][0]["config"]["context_length"] == 2048


def test_what_is_not_stored_has_no_id(served: Served) -> None:
    assert "response_id" not in served.chat(store=False).json()


def test_an_unstored_turn_may_follow_a_stored_one(served: Served) -> None:
    first = served.chat("One").json()["response_id"]

    served.chat("Two", previous_response_id=first, store=False)

    assert sent(served)[0] == ("user", "One")


def test_text_items_make_one_message(served: Served) -> None:
    items = [{"type": "text", "content": "One"}, {"type": "text", "content": "Two"}]

    served.http.post("/api/v1/chat", json={"model": KEY, "input": items})

    assert sent(served) == [("user", "One\n\nTwo")]


def test_no_character_is_split_or_escaped(served: Served) -> None:
    served.engine.script = [delta("👩‍👩‍👧", 1), delta("青\u2028です\n", 2), last(3)]

    answer = served.chat("色は?", stream=True)

    assert "👩‍👩‍👧".encode() in answer.content
    assert "青\u2028です".encode() in answer.content


def test_a_chain_that_outgrows_the_window_is_cut_silently(served: Served) -> None:
    served.engine.window = 300
    follows = served.chat("word " * 40, system_prompt="Be brief.").json()["response_id"]
    for number in range(12):
        answer = served.chat(f"{number} " + "word " * 40, previous_response_id=follows)
        assert answer.status_code == 200
        follows = answer.json()["response_id"]

    messages = served.engine.asked[-1]["messages"]
    assert messages[0] == {"role": "system", "content": "Be brief."}
    assert messages[-1]["content"].startswith("11 ")
    assert len(" ".join(message["content"] for message in messages).split()) < 300


def test_an_engine_that_breaks_off_makes_an_error_and_an_end_with_what_came(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama, "_DYING_SECONDS", 0.1)
    served.chat()
    served.engine.script = [delta("Hel", 1)]
    served.engine.cut_off = True

    found = events(served)

    assert [event["type"] for event in found[-4:]] == ["message.delta", "message.end", "error", "chat.end"]
    assert found[-1]["result"]["output"] == [{"type": "message", "content": "Hel"}]
    assert "response_id" not in found[-1]["result"]


def test_an_engine_that_breaks_off_is_a_500_without_streaming(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama, "_DYING_SECONDS", 0.1)
    served.engine.script = [delta("Hel", 1)]
    served.engine.cut_off = True

    answer = served.chat()

    assert answer.status_code == 500
    assert "broke off" in answer.json()["error"]["message"]


def test_an_error_of_the_engine_in_the_middle_is_passed_on(served: Served) -> None:
    served.engine.script = [delta("Hel", 1), b'data: {"error":{"code":500,"message":"boom","type":"server_error"}}\n\n']

    found = events(served)

    assert "boom" in next(event for event in found if event["type"] == "error")["error"]["message"]


def test_a_dead_engine_is_loaded_again(served: Served) -> None:
    served.chat()
    served.engine.running = False
    assert served.http.get("/api/v1/models").json()["models"][0]["loaded_instances"] == []

    served.chat()

    assert len(served.loads) == 2


def hang_up_early(served: Served, **more: object) -> None:
    """Send a prompt, and hang up as soon as the engine has it."""
    body = json.dumps({"model": KEY, "input": "Talk", **more})
    connection = http.client.HTTPConnection(served.http.base_url.host, served.http.base_url.port)
    connection.request("POST", "/api/v1/chat", body)
    deadline = time.monotonic() + 60
    while not served.engine.asked and time.monotonic() < deadline:
        time.sleep(0.01)
    connection.close()


def test_hanging_up_while_the_engine_is_silent_lets_the_next_one_in(served: Served) -> None:
    served.engine.silent_answers = 1
    hang_up_early(served, stream=True)

    assert served.chat().status_code == 200


def test_hanging_up_stops_a_stream(served: Served) -> None:
    served.engine.hold.clear()
    hang_up_early(served, stream=True)

    assert served.engine.hung_up.wait(60)


def test_hanging_up_stops_a_plain_request_and_the_next_is_served(served: Served) -> None:
    served.engine.hold.clear()
    hang_up_early(served)

    assert served.engine.hung_up.wait(60)
    served.engine.hold.set()
    assert served.chat().status_code == 200


def test_what_was_cut_short_is_not_kept(served: Served) -> None:
    served.engine.hold.clear()
    hang_up_early(served, stream=True)
    served.engine.hung_up.wait(60)
    served.engine.hold.set()
    served.chat()  # waits for its turn, so the other has ended

    assert served.state.history.chain("resp_") is None
    with served.state.history._connected() as connection:
        assert connection.execute("SELECT count(*) FROM turn WHERE input = 'Talk'").fetchone() == (0,)


def test_one_is_answered_at_a_time_and_the_others_wait(served: Served) -> None:
    served.engine.hold.clear()
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(served.chat().status_code)) for _ in range(3)]
    for thread in threads:
        thread.start()
    while not served.engine.asked:
        time.sleep(0.01)
    time.sleep(0.3)  # the others would come meanwhile
    assert len(served.engine.asked) == 1
    assert served.http.get("/lmstudio-greeting").status_code == 200

    served.engine.hold.set()
    for thread in threads:
        thread.join()

    assert answers == [200, 200, 200]


def test_the_tokens_are_counted_from_the_start_of_the_chain(served: Served) -> None:
    served.engine.script = [*HELLO[:-1], PROGRESS % 200, last(3, prompt=321)]

    assert served.chat().json()["stats"]["input_tokens"] == 321
