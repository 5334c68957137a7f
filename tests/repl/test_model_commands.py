"""Commands for the server's models."""

import json
import os
import signal
from pathlib import Path

from lmchat.chat.values import Options
from tests.support.lmstudio import BIG, EYES, Studio
from tests.support.scripted import HOLD, Request, Steps, answer
from tests.support.talking import CTRL_C, CTRL_D, DOWN, ENTER, Talk


def test_model_talks_to_another_from_here_on(talk: Talk, studio: Studio) -> None:
    talk.type("one", "/model acme/eyes", "two", name="s")
    assert [chat["model"] for chat in studio.chats] == ["acme/big", "acme/eyes"]
    assert talk.store.find("s").model == "acme/eyes"


def test_model_alone_shows_which_it_is_and_lets_the_person_pick(talk: Talk, studio: Studio) -> None:
    studio.routes["/api/v1/models/load"] = lambda request: answer(200, '{"instance_id": "acme/eyes"}')
    out = talk.press(f"/model{ENTER}eyes{ENTER}hello{ENTER}{CTRL_D}")
    assert "\nacme/big\n" in out
    assert studio.chats[0]["model"] == "acme/eyes"


def test_leaving_the_choice_of_a_model_keeps_the_one_there_is(talk: Talk, studio: Studio) -> None:
    talk.press(f"/model{ENTER}{DOWN}{CTRL_C}hello{ENTER}{CTRL_D}")
    assert studio.chats[0]["model"] == "acme/big"


def test_an_unknown_model_suggests_the_nearest(talk: Talk) -> None:
    out = talk.type("/model acme/bik")
    assert "The server has no model 'acme/bik'." in out
    assert "'acme/big'" in out


def test_an_embedding_model_cannot_be_talked_to(talk: Talk) -> None:
    assert "'acme/vectors' is an embedding model and cannot chat." in talk.type("/model acme/vectors")


def test_models_lists_what_the_server_has(talk: Talk) -> None:
    out = talk.type("/models")
    assert "yes (1,000)" in out
    assert "reasoning low/xhigh" in out
    assert "embeddings only" in out


def test_load_loads_and_says_how_long_and_how_much_context(talk: Talk, studio: Studio) -> None:
    def loading(request: Request) -> Steps:
        options = {"context_length": 2048, "flash_attention": True}
        assert request.json == {"model": "acme/eyes", "echo_load_config": True, **options}
        loaded = {**EYES, "loaded_instances": [{"id": "acme/eyes", "config": {"context_length": 2000}}]}
        studio.models = (BIG, loaded)
        return answer(200, '{"instance_id": "acme/eyes", "load_time_seconds": 3.2, "status": "loaded"}')

    studio.routes["/api/v1/models/load"] = loading
    assert "Loaded acme/eyes in 3.2 s, with a context of 2,000 tokens." in talk.type(
        "/load acme/eyes --context-length=2048 flash_attention=on"
    )


def test_load_refuses_options_that_do_not_exist_or_do_not_fit(talk: Talk) -> None:
    assert "'context_length'" in talk.type("/load acme/eyes contxt_length=2048")
    assert "parallel must be a whole number" in talk.type("/load acme/eyes parallel=many")


def test_load_does_not_load_a_second_copy(talk: Talk) -> None:
    assert "acme/big is loaded already, with a context of 1,000 tokens." in talk.type("/load acme/big")


def test_ctrl_c_while_loading_comes_back_to_the_prompt(talk: Talk, studio: Studio) -> None:
    def loading(_request: Request) -> Steps:
        os.kill(os.getpid(), signal.SIGINT)
        return [HOLD]

    studio.routes["/api/v1/models/load"] = loading
    out = talk.type("/load acme/eyes", "hello")
    assert "continues loading" in out
    assert "Reply 1." in out


def test_unload_unloads_what_is_loaded(talk: Talk, studio: Studio) -> None:
    unloaded: list[str] = []

    def unloading(request: Request) -> Steps:
        unloaded.append(request.json["instance_id"])
        return answer(200, json.dumps(request.json))

    studio.routes["/api/v1/models/unload"] = unloading
    assert "Unloaded acme/big." in talk.type("/unload")
    assert "'acme/eyes' is not loaded." in talk.type("/unload acme/eyes")
    assert "Unloaded acme/big." in talk.type("/unload --all")
    assert unloaded == ["acme/big", "acme/big"]


def test_download_is_watched_to_its_end(talk: Talk, studio: Studio) -> None:
    job = {"job_id": "j/1", "status": "downloading", "total_size_bytes": 1000}
    studio.routes["/api/v1/models/download/status/j%2F1"] = lambda request: answer(
        200, json.dumps({**job, "status": "completed"})
    )
    studio.routes["/api/v1/models/download"] = lambda request: answer(200, json.dumps(job))
    assert "acme/new is downloaded (1.0 kB)." in talk.type("/download acme/new")


def test_ctrl_c_leaves_a_download_going_on(talk: Talk, studio: Studio) -> None:
    job = json.dumps({"job_id": "j", "status": "downloading", "total_size_bytes": 1000})

    def downloading(request: Request) -> Steps:
        if "status" in request.path:
            os.kill(os.getpid(), signal.SIGINT)
        return answer(200, job)

    studio.routes["/api/v1/models/download"] = downloading
    assert "The download goes on in the server" in talk.type("/download acme/new")


def test_a_download_that_fails_says_so(talk: Talk, studio: Studio) -> None:
    studio.routes["/api/v1/models/download"] = lambda request: answer(200, '{"job_id": "j", "status": "failed"}')
    assert "The download failed." in talk.type("/download acme/new")


def test_set_keeps_an_option_with_the_session(talk: Talk, studio: Studio) -> None:
    talk.type("one", "/set temperature 0.4", "/set top_k=20", "two", name="s")
    assert (studio.chats[1]["temperature"], studio.chats[1]["top_k"]) == (0.4, 20)
    assert talk.store.find("s").options == Options(temperature=0.4, top_k=20)


def test_set_checks_the_ranges_of_the_api(talk: Talk) -> None:
    assert "temperature must be a number from 0 to 1, not 2." in talk.type("/set temperature 2")
    assert "top_k must be a whole number" in talk.type("/set top-k many")


def test_set_suggests_the_nearest_option(talk: Talk) -> None:
    assert "'temperature'" in talk.type("/set temprature 0.4")


def test_set_alone_shows_every_option_and_where_it_comes_from(talk: Talk) -> None:
    out = talk.type("/set temperature 0.4", "/set")
    assert "temperature        0.4" in out
    assert "this session" in out
    assert "repeat_penalty" in out


def test_unset_takes_an_option_back(talk: Talk, studio: Studio) -> None:
    talk.type("/set temperature 0.4", "/unset temperature", "one", name="s")
    assert "temperature" not in studio.chats[0]


def test_reasoning_is_checked_against_the_models_own_levels(talk: Talk, studio: Studio) -> None:
    out = talk.type("/reasoning high", f"{CTRL_C}/reasoning xhigh", "one")
    assert "It offers: low, xhigh." in out
    assert studio.chats[0]["reasoning"] == "xhigh"


def test_reasoning_alone_lists_the_levels(talk: Talk) -> None:
    assert "Reasoning: low (the model's own). acme/big offers: low, xhigh." in talk.type("/reasoning")


def test_a_model_without_a_choice_of_reasoning_says_so(talk: Talk) -> None:
    out = talk.type("/model acme/eyes", "/reasoning low", f"{CTRL_C}/set reasoning low")
    assert out.count("offers no choice of reasoning") == 2


def test_system_is_shown_changed_and_begins_a_new_chain(talk: Talk, studio: Studio) -> None:
    out = talk.type("one", "/system Be brief.", "two", "/system", name="s")
    assert studio.chats[1]["system_prompt"] == "Be brief."
    assert "previous_response_id" not in studio.chats[1]
    assert "Sending 1 earlier turn again" in out
    assert "Be brief.\n" in out


def test_system_is_read_from_a_file(talk: Talk, studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "pirate.txt").write_text("Arr.\n")
    talk.type(f"/system @{tmp_path}/pirate.txt", "one")
    assert studio.chats[0]["system_prompt"] == "Arr."
    assert "cannot be read" in talk.type(f"/system @{tmp_path}/none.txt")


def test_unset_system_drops_it(talk: Talk, studio: Studio) -> None:
    talk.type("/system Be brief.", "/unset system", "one")
    assert "system_prompt" not in studio.chats[0]


def test_mcp_adds_replaces_shows_and_drops_tools(talk: Talk, studio: Studio) -> None:
    out = talk.type(
        "/mcp mcp/files", "/mcp mcp/files:read", "/mcp hub=https://hub.example/mcp", "/mcp", "one", name="s"
    )
    assert "mcp/files:read\nhub=https://hub.example/mcp\n" in out
    assert [each["type"] for each in studio.chats[0]["integrations"]] == ["plugin", "ephemeral_mcp"]
    talk.type("/mcp off", "two", name="s")
    assert "integrations" not in studio.chats[1]


def test_a_senseless_integration_is_refused(talk: Talk) -> None:
    assert "names no integration" in talk.type("/mcp nothing at all")
