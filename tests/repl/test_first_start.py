"""A talk begins where models are downloaded and none is loaded: the person picks one, and is not asked again."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from lmchat.app.connect import remember_model, remembered_model
from lmchat.chat.models import Instance, Model, by_use
from lmchat.render.listings import model_lines
from lmchat.repl.opening import who_answers
from tests.support.lmstudio import BIG, EMBEDDING, EYES, Studio
from tests.support.program import run
from tests.support.scripted import HOLD, Request, Steps, answer
from tests.support.talking import CTRL_C, CTRL_D, DOWN, ENTER, ESCAPE, Talk
from tests.support.window import talk_command, window

REST: dict[str, Any] = {**BIG, "loaded_instances": []}


@pytest.fixture
def loads(studio: Studio) -> list[str]:
    """Let nothing be loaded, and return the list of what is loaded from then on."""
    studio.models = (REST, EYES, EMBEDDING)
    loaded: list[str] = []

    def loading(request: Request) -> Steps:
        loaded.append(request.json["model"])
        return answer(200, json.dumps({"instance_id": request.json["model"], "load_time_seconds": 1.5}))

    studio.routes["/api/v1/models/load"] = loading
    return loaded


@pytest.mark.parametrize(
    ("model", "server", "said"),
    [
        ("m", "http://gpu:1234", "m at http://gpu:1234"),
        ("", "http://gpu:1234", "the server at http://gpu:1234"),
        ("m", "local", "m on the built-in server"),
        ("", "local", "the built-in server"),
    ],
)
def test_the_greeting_names_what_answers(model: str, server: str, said: str) -> None:
    assert who_answers(model, server) == said


def test_the_model_is_picked_loaded_and_remembered(talk: Talk, studio: Studio, loads: list[str]) -> None:
    out = talk.pick(f"ey{ENTER}", f"hello{ENTER}{CTRL_D}")
    assert "Loaded acme/eyes in 1.5 s" in out
    assert loads == ["acme/eyes"]
    assert remembered_model(talk.world, talk.server) == "acme/eyes"
    assert "acme/eyes is loaded with the first prompt; /model chooses another." in talk.press_when_listed(
        f"again{ENTER}{CTRL_D}"
    )
    assert [chat["model"] for chat in studio.chats] == ["acme/eyes"] * 2


def test_leaving_the_picker_leads_to_a_prompt_that_says_how_to_go_on(talk: Talk, loads: list[str]) -> None:
    out = talk.pick(CTRL_C, f"/context{ENTER}{CTRL_D}")
    assert "No model is chosen yet. /model lets you choose one; so does your first prompt." in out
    assert "error" not in out
    assert loads == []
    assert remembered_model(talk.world, talk.server) == ""


def test_the_first_prompt_asks_and_is_kept_where_that_is_left(talk: Talk, studio: Studio, loads: list[str]) -> None:
    out = talk.press(f"hello{ENTER}{CTRL_C}{ENTER}{DOWN}{ENTER}{CTRL_D}")
    assert "Several models could answer." in out
    assert [(chat["model"], chat["input"]) for chat in studio.chats] == [("acme/eyes", "hello")]


def test_embedding_models_are_not_offered(talk: Talk, studio: Studio, loads: list[str]) -> None:
    talk.pick(f"vectors{ENTER}{CTRL_C}", CTRL_D)
    assert loads == []


def test_the_model_used_last_is_offered_first(talk: Talk, studio: Studio, loads: list[str]) -> None:
    talk.store.create("s", "hi", model="acme/eyes")
    talk.pick(ENTER, CTRL_D)
    assert loads == ["acme/eyes"]


def test_a_loaded_model_is_taken_before_the_one_that_was_picked_once(talk: Talk, studio: Studio) -> None:
    remember_model(talk.world, talk.server, "acme/eyes")
    talk.type("hello")
    assert studio.chats[0]["model"] == "acme/big"


def test_a_remembered_model_that_is_gone_or_not_to_chat_with_is_picked_again(talk: Talk, loads: list[str]) -> None:
    for gone in ("acme/gone", "acme/vectors"):
        remember_model(talk.world, talk.server, gone)
        talk.pick(ENTER, CTRL_D)
    assert loads == ["acme/big"] * 2


def test_a_model_that_cannot_be_loaded_is_not_remembered(talk: Talk, studio: Studio) -> None:
    studio.models = (REST, EYES)
    studio.routes["/api/v1/models/load"] = lambda request: answer(500, '{"error": {"message": "No room."}}')
    out = talk.pick(ENTER, CTRL_D)
    assert "No room." in out
    assert "No model is chosen yet." in out
    assert remembered_model(talk.world, talk.server) == ""


def test_ctrl_c_while_it_loads_leads_to_the_prompt(talk: Talk, studio: Studio) -> None:
    studio.models = (REST, EYES)

    def loading(_request: Request) -> Steps:
        os.kill(os.getpid(), signal.SIGINT)
        return [HOLD]

    studio.routes["/api/v1/models/load"] = loading
    out = talk.pick(ENTER, f"hello{ENTER}{CTRL_D}")
    assert "continues loading" in out
    assert studio.chats[0]["model"] == "acme/big"


def test_a_private_talk_remembers_nothing(talk: Talk, loads: list[str]) -> None:
    talk.private = True
    talk.pick(ENTER, CTRL_D)
    assert loads == ["acme/big"]
    assert remembered_model(talk.world, talk.server) == ""


def test_without_a_terminal_one_error_says_what_to_do(tmp_path: Path, studio: Studio, loads: list[str]) -> None:
    ran = run(tmp_path, "--url", studio.server.url, "ask", "hello")
    assert ran.status == 6
    assert ran.stderr.splitlines() == [
        "lmchat: error: Several models could answer.",
        "hint: Choose one, such as `--model acme/big`. There are: acme/big, acme/eyes.",
    ]


def test_what_was_picked_counts_in_scripts_too(talk: Talk, tmp_path: Path, studio: Studio, loads: list[str]) -> None:
    talk.pick(f"{DOWN}{ENTER}", CTRL_D)
    assert run(tmp_path, "--url", studio.server.url, "ask", "hello").status == 0
    assert studio.chats[0]["model"] == "acme/eyes"


def test_a_file_of_choices_that_is_no_json_is_as_none(talk: Talk) -> None:
    for broken in ("", "[]", "{", '{"' + talk.server + '": 1}'):
        (talk.world.directories.state / "models.json").write_text(broken)
        assert remembered_model(talk.world, talk.server) == ""
    remember_model(talk.world, talk.server, "a")
    assert remembered_model(talk.world, talk.server) == "a"


def test_models_are_ordered_by_use_and_then_by_what_is_loaded() -> None:
    models = [Model("a", "llm"), Model("b", "llm", instances=(Instance("b"),)), Model("c", "llm"), Model("d", "llm")]
    assert [each.key for each in by_use(models, ["d", "x", "c"])] == ["d", "c", "b", "a"]


@pytest.mark.parametrize("width", [20, 40, 78, 118])
def test_a_row_of_the_picker_fits_and_says_what_matters_most(width: int) -> None:
    model = Model(
        "openai/gpt-oss-20b", "llm", size_bytes=12_100_000_000, max_context_length=131_072, vision=True, tools=True,
        reasoning_options=("low", "high"), instances=(Instance("openai/gpt-oss-20b", 8192),),
    )  # fmt: skip
    titles, row = model_lines([model], width)
    assert max(len(titles), len(row)) <= width
    if width >= 78:
        assert row.split("  ") == ["openai/gpt-oss-20b", "yes (8,192)", "12 GB", "131,072", "vision, tools, reasoning"]


@pytest.mark.terminal
def test_the_picker_is_there_at_once_and_escape_leaves_it(tmp_path: Path, studio: Studio, loads: list[str]) -> None:
    with window(talk_command(studio.server.url), tmp_path, afresh=True) as there:
        there.until("> acme/big")
        there.until("Enter chooses, typing narrows, Esc leaves")
        there.send(ESCAPE)
        there.until("No model is chosen yet.")
        there.until_prompt()
        there.send(CTRL_D)
        assert there.ended() == 0
    assert loads == []


def test_nothing_is_said_of_loading_where_there_is_one_model_only(talk: Talk, studio: Studio) -> None:
    studio.models = (EYES, EMBEDDING)
    assert "is loaded with" not in talk.type("hello")
    assert studio.chats[0]["model"] == "acme/eyes"


@pytest.mark.terminal
def test_the_prompt_does_not_wait_for_the_models_and_the_toolbar_names_the_one_that_is_chosen(tmp_path: Path) -> None:
    listed = threading.Event()
    studio = Studio()
    studio.routes["/api/v1/models"] = lambda _: [listed, *answer(200, json.dumps({"models": [BIG]}))]
    with studio.server, window(talk_command(studio.server.url), tmp_path, afresh=True) as there:
        there.until_prompt()
        there.until("new session")
        there.send("hel")
        there.until("> hel")
        assert "acme/big" not in "\n".join(there.rows())
        listed.set()
        there.until("new session · acme/big")
        there.until("> hel")
        there.send("lo\r")
        there.until("Reply 1.")
        there.send(CTRL_D)
        assert there.ended() == 0
    assert studio.chats[0]["model"] == "acme/big"


@pytest.mark.terminal
def test_what_is_wrong_with_the_server_is_said_above_what_was_typed_meanwhile(tmp_path: Path, studio: Studio) -> None:
    typed = threading.Event()
    studio.routes["/api/v1/models"] = lambda _: [typed, *answer(500, '{"error": {"message": "No room."}}')]
    with window(talk_command(studio.server.url), tmp_path, afresh=True) as there:
        there.until_prompt()
        there.send("hel")
        there.until("> hel")
        typed.set()
        there.until("No room.")
        there.until("> hel")
        there.send(CTRL_C + CTRL_D)
        assert there.ended() == 0


@pytest.mark.terminal
def test_a_choice_of_several_waits_for_the_first_prompt_of_a_person_who_types_already(
    tmp_path: Path, studio: Studio, loads: list[str]
) -> None:
    typed = threading.Event()
    studio.routes["/api/v1/models"] = lambda _: [typed, *answer(200, json.dumps({"models": studio.models}))]
    with window(talk_command(studio.server.url), tmp_path, afresh=True) as there:
        there.until_prompt()
        there.send("hel")
        there.until("> hel")
        typed.set()
        there.until("No model is chosen yet.")
        there.until("> hel")
        there.send("lo\r")
        there.until("Enter chooses")
        there.send("\r")
        there.until("Reply 1.")
        there.send(CTRL_D)
        assert there.ended() == 0
