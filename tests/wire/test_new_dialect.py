"""A dialect is a file, one line of a table and one choice of a setting: this one is added as ARCHITECTURE says."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lmchat.chat.exchange import ChatRequest, Event, Finished, MessageDelta, Started
from lmchat.chat.values import Message, Reply
from lmchat.dataclass import replace
from lmchat.settings import keys
from lmchat.settings.shapes import choice
from lmchat.wire.dialects import DIALECTS, Data, Dialect
from lmchat.wire.messages import messages, options
from lmchat.wire.models import openai_models
from lmchat.wire.reading import text
from tests.support.program import run
from tests.support.scripted import ScriptedServer, answer
from tests.wire.test_dialects import sse

# What the file has


def body(request: ChatRequest, *, stream: bool) -> dict[str, Any]:
    said = [[each.role, each.text] for each in messages(request)]
    return {"model": request.model, "said": said, **options(request, {"reasoning": None}), "stream": stream}


@dataclass
class Reader:
    request: ChatRequest
    words: str = ""

    def event(self, kind: str, data: Data) -> Iterator[Event]:
        if kind == "begin":
            yield Started("toy")
        if word := text(data.get("word")):
            self.words += word
            yield MessageDelta(word)

    def end(self, *, done: bool) -> Iterator[Event]:
        if done:
            yield Finished(Reply((Message(self.words),), None, model_instance_id="toy"))

    def whole(self, data: Data) -> Iterator[Event]:
        yield from self.event("", data)
        yield from self.end(done=True)

    def closing(self, data: Data) -> Data:
        return data


TOY = Dialect(
    name="toy",
    keeps=False,
    manages=False,
    chat_path="/toy",
    models_path="/v1/models",
    body=body,
    reader=Reader,
    models=openai_models,
)

# What a server sends


REPLY = sse({"type": "begin"}, {"word": "Hel"}, {"word": "lo"}, "[DONE]")


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the line and the choice."""
    api = keys.BY_NAME["api"]
    monkeypatch.setitem(DIALECTS, TOY.name, TOY)
    monkeypatch.setitem(keys.BY_NAME, "api", replace(api, shape=choice(*api.shape.choices, TOY.name)))


def test_a_new_dialect_talks_without_a_change_elsewhere(tmp_path: Path) -> None:
    with ScriptedServer(REPLY) as server:
        chosen = ("--url", server.url, "--api", "toy", "ask", "-m", "toy", "-s", "s", "--stats")
        first, second = run(tmp_path, *chosen, "one"), run(tmp_path, *chosen, "two")
    assert (first.stdout, second.stdout) == ("Hello\n", "Hello\n")
    assert server.requests[1].path == "/toy"
    assert server.requests[1].json["said"] == [["user", "one"], ["assistant", "Hello"], ["user", "two"]]
    assert "sent each time (1 turn)" in second.stderr


def test_what_it_lacks_and_what_it_refuses_is_said_as_in_every_other(tmp_path: Path) -> None:
    with ScriptedServer(answer(400, '{"error":"maximum context length is 9"}')) as server:
        chosen = ("--url", server.url, "--api", "toy", "ask", "-m", "toy", "hi")
        lacking, refused = run(tmp_path, *chosen, "--reasoning", "low"), run(tmp_path, *chosen)
    assert "This server has no option 'reasoning'." in lacking.stderr
    assert "The prompt is larger than the model's context" in refused.stderr


def test_the_setting_offers_every_dialect_that_there_is() -> None:
    assert set(keys.BY_NAME["api"].shape.choices) == {"auto", *DIALECTS}
