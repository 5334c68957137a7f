"""What is done with models in a shell and in talk is one thing: the same sentences, with the names typed there."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmchat.advice import COMMAND_LINE, IN_TALK, Action, Advice, Do, worded
from tests.support.lmstudio import Studio
from tests.support.program import Ran, run
from tests.support.scripted import HOLD, Request, Steps, answer
from tests.support.talking import Talk

CASES: list[tuple[str, str, int, list[Advice]]] = [
    ("load acme/big", "/load acme/big", 0, ["acme/big is loaded already, with a context of 1,000 tokens."]),
    (
        "load acme/big --context-length 2000",
        "/load acme/big context_length=2000",
        1,
        [
            "acme/big is loaded already, with a context of 1,000 tokens.",
            ("Unload it first: ", Do(Action.UNLOAD_MODEL, "acme/big")),
        ],
    ),
    ("load acme/bik", "/load acme/bik", 6, ["The server has no model 'acme/bik'.", "Did you mean 'acme/big'"]),
    (
        "load nothing",
        "/load nothing",
        6,
        [(Do(Action.LIST_MODELS), " lists them; ", Do(Action.DOWNLOAD_MODEL, "nothing"), " may fetch it.")],
    ),
    (
        "load acme/eyes --context-length 9000",
        "/load acme/eyes context_length=9000",
        0,
        [
            "Loaded acme/eyes in 3.2 s, with a context of 4,096 tokens.",
            "A context of 9,000 tokens was asked for; the server gave 4,096.",
        ],
    ),
    ("load acme/vectors", "/load acme/vectors", 0, ["Loaded acme/vectors in 3.2 s, with a context of 4,096 tokens."]),
    ("unload acme/big", "/unload acme/big", 0, ["Unloaded acme/big."]),
    ("unload --all", "/unload --all", 0, ["Unloaded acme/big."]),
    (
        "unload acme/eyes",
        "/unload acme/eyes",
        6,
        ["'acme/eyes' is not loaded.", (Do(Action.LIST_MODELS), " shows what is loaded.")],
    ),
    ("unload nothing", "/unload nothing", 6, ["'nothing' is not a model or instance of this server."]),
    ("download acme/new", "/download acme/new", 0, ["acme/new is downloaded (1.0 kB)."]),
    ("download here", "/download here", 0, ["here is already downloaded."]),
    ("download bad", "/download bad", 1, ["The download failed."]),
]


@pytest.fixture
def studio() -> Iterator[Studio]:
    """Loads, unloads and downloads as LM Studio does."""
    studio = Studio()

    def loading(request: Request) -> Steps:
        name = request.json["model"]
        loaded = {"instance_id": name, "load_time_seconds": 3.2, "status": "loaded"}
        return answer(200, json.dumps({**loaded, "load_config": {"context_length": 4096}}))

    def downloading(request: Request) -> Steps:
        ends = {"here": "already_downloaded", "bad": "failed"}
        return answer(200, json.dumps({**job, "status": ends.get(request.json["model"], "downloading")}))

    job = {"job_id": "j", "total_size_bytes": 1000}
    studio.routes["/api/v1/models/load"] = loading
    studio.routes["/api/v1/models/unload"] = lambda request: answer(200, json.dumps(request.json))
    studio.routes["/api/v1/models/download/status"] = lambda _: answer(200, json.dumps({**job, "status": "completed"}))
    studio.routes["/api/v1/models/download"] = downloading
    with studio.server:
        yield studio


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ctrl-C as in a terminal, whatever this runs in; a program that ends by it ignores what follows."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def in_shell(talk: Talk, command: str) -> Ran:
    home = Path(talk.world.environ["LMCHAT_HOME"])
    return run(home, "--url", talk.server, "models", *command.split())


@pytest.mark.parametrize(("command", "slash", "status", "said"), CASES, ids=[case[0] for case in CASES])
def test_a_shell_and_talk_say_the_same(talk: Talk, command: str, slash: str, status: int, said: list[Advice]) -> None:
    ran = in_shell(talk, command)
    out = talk.type(slash)
    assert ran.status == status
    for sentence in said:
        assert worded(sentence, COMMAND_LINE) in ran.stderr
        assert worded(sentence, IN_TALK) in out


def test_a_server_without_models_says_so(talk: Talk, studio: Studio) -> None:
    studio.models = ()
    sentence = ("The server has no model yet. Download one: ", Do(Action.DOWNLOAD_MODEL))
    assert worded(sentence, COMMAND_LINE) in in_shell(talk, "list").stderr
    assert worded(sentence, IN_TALK) in talk.type("/models")


@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize(
    ("command", "slash", "route", "said"),
    [
        (
            "load acme/eyes",
            "/load acme/eyes",
            "/api/v1/models/load",
            ("The server continues loading; ", Do(Action.LIST_MODELS), " shows when it is done."),
        ),
        (
            "download acme/new",
            "/download acme/new",
            "/api/v1/models/download/status",
            ("The download goes on in the server; watch it with ", Do(Action.DOWNLOAD_MODEL, "acme/new"), "."),
        ),
    ],
)
def test_ctrl_c_stops_the_waiting_and_says_what_goes_on(
    talk: Talk, studio: Studio, command: str, slash: str, route: str, said: Advice
) -> None:
    def waiting(_request: Request) -> Steps:
        os.kill(os.getpid(), signal.SIGINT)
        return [HOLD]

    studio.routes[route] = waiting
    out = talk.type(slash, "hello")
    assert worded(said, IN_TALK) in out
    assert "Reply 1." in out
    ran = in_shell(talk, command)
    assert (ran.status, ran.stderr) == (130, f"{worded(said, COMMAND_LINE)}\n")
