"""What each server sends, as it came or written by hand from its source: the same events, words and errors for all."""

import pytest

from lmchat.chat.exchange import Event, Fault, Finished, MessageDelta, ReasoningDelta
from lmchat.chat.values import Message, Reasoning
from lmchat.errors import (
    ChainLostError,
    ContextOverflowError,
    LmchatError,
    NotAllowedError,
    NotFoundError,
    StreamBrokenError,
)
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from lmchat.wire.dialects import COMPLETIONS, RESPONSES, Dialect, Route
from tests.support.answers import SAMPLES, recorded
from tests.support.scripted import ScriptedServer
from tests.wire.test_dialects import FOLLOWING, HELLO, events_of, finished, refused, thoughts, words

THOUGHT = "The user greets."
GREETING = "こんにちは。"


@pytest.mark.parametrize(
    ("name", "dialect", "model"),
    [
        ("ollama/chat_stream", COMPLETIONS, "qwen3:8b"),
        ("vllm/chat_stream", COMPLETIONS, "Qwen/Qwen3-8B"),
        ("vllm/chat_stream_older", COMPLETIONS, "Qwen/Qwen3-8B"),
        ("vllm/responses_followed", RESPONSES, "Qwen/Qwen3-8B"),
        ("sglang/chat_stream", COMPLETIONS, "default"),
        ("lmstudio/responses_lone_reasoning", RESPONSES, "openai/gpt-oss-20b"),
        ("openrouter/chat_stream", COMPLETIONS, "deepseek/deepseek-r1"),
    ],
)
def test_a_reply_with_reasoning_is_the_same_from_everyone(name: str, dialect: Dialect, model: str) -> None:
    events = events_of(recorded(name), dialect, FOLLOWING if name.endswith("followed") else HELLO)
    reply = finished(events).reply
    assert (thoughts(events), words(events)) == (THOUGHT, GREETING)
    assert reply.items == (Reasoning(THOUGHT), Message(GREETING))
    assert reply.model_instance_id == model
    assert (reply.stats.input_tokens, reply.stats.total_output_tokens) == (21, 9)
    assert reply.response_id == ("resp_2" if dialect is RESPONSES else None)
    assert not finished(events).cut


def test_a_server_that_streams_nothing_gives_its_words_at_the_end() -> None:
    assert finished(events_of(recorded("sglang/responses_at_the_end"), RESPONSES)).reply.text == GREETING


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vllm/chat_stream_failed", "EngineCore encountered an issue."),
        ("sglang/chat_stream_failed", "out of memory"),
        ("lmstudio/chat_stream_failed", "The model has crashed"),
        ("openrouter/chat_stream_failed", "Provider disconnected"),
    ],
)
def test_what_breaks_in_mid_stream_is_a_fault_with_the_servers_words(name: str, said: str) -> None:
    events = events_of(recorded(name), COMPLETIONS)
    assert words(events).startswith("こん")
    [fault] = [event for event in events if isinstance(event, Fault)]
    assert said in fault.error.message


def test_ollama_says_nothing_where_it_breaks_and_is_found_out_all_the_same() -> None:
    came: list[Event] = []
    with ScriptedServer(recorded("ollama/chat_stream_failed")) as server, pytest.raises(StreamBrokenError):
        came.extend(Client(Address(server.url), route=Route(COMPLETIONS, keeps=False)).chat(HELLO))
    assert words(came) == "こん"


@pytest.mark.parametrize(
    ("name", "dialect", "kind"),
    [
        ("ollama/unknown_model", COMPLETIONS, NotFoundError),
        ("vllm/unknown_model", COMPLETIONS, NotFoundError),
        ("litellm/unknown_model", COMPLETIONS, NotFoundError),
        ("vllm/overflow", COMPLETIONS, ContextOverflowError),
        ("litellm/overflow", COMPLETIONS, ContextOverflowError),
        ("vllm/key_none", COMPLETIONS, NotAllowedError),
        ("litellm/key_none", COMPLETIONS, NotAllowedError),
        ("vllm/unknown_id", RESPONSES, ChainLostError),
        ("lmstudio/unknown_id", RESPONSES, ChainLostError),
        ("litellm/id_refused_behind_it", RESPONSES, ChainLostError),
        ("ollama/responses_id_ignored", RESPONSES, ChainLostError),
        ("litellm/responses_id_ignored", RESPONSES, ChainLostError),
    ],
)
def test_a_refusal_has_the_same_error_from_everyone(name: str, dialect: Dialect, kind: type[LmchatError]) -> None:
    assert type(refused(recorded(name), dialect, FOLLOWING if dialect is RESPONSES else HELLO)) is kind


def test_an_option_that_the_model_behind_litellm_lacks_is_named() -> None:
    assert refused(recorded("litellm/option_refused"), COMPLETIONS).hint == "Leave out reasoning for this model."


def test_no_word_is_shown_of_a_reply_that_followed_nothing() -> None:
    for name in ("ollama/responses_id_ignored", "litellm/responses_id_ignored"):
        came: list[Event] = []
        with ScriptedServer(recorded(name)) as server, pytest.raises(ChainLostError):
            came.extend(Client(Address(server.url), route=Route(RESPONSES)).chat(FOLLOWING))
        assert not any(isinstance(event, MessageDelta | ReasoningDelta) for event in came)


@pytest.mark.parametrize(
    ("name", "dialect"), [("litellm/chat_stream", COMPLETIONS), ("litellm/responses_bridged", RESPONSES)]
)
def test_a_gateways_reply_is_read_without_its_event_lines_and_reasons(name: str, dialect: Dialect) -> None:
    events = events_of(recorded(name), dialect)
    assert words(events) == finished(events).reply.text != ""
    assert finished(events).reply.stats.input_tokens
    assert not any(isinstance(event, Fault) for event in events)


def test_every_sample_is_read_without_a_bug() -> None:
    """Whatever a file has, reading it ends in a reply or in an error with a sentence."""
    for path in sorted(SAMPLES.rglob("*.http")):
        name = str(path.relative_to(SAMPLES).with_suffix(""))
        for dialect in (COMPLETIONS, RESPONSES):
            if "loading" in name:  # it is waited for
                continue
            with ScriptedServer(recorded(name)) as server:
                client = Client(Address(server.url), route=Route(dialect, dialect.keeps))
                assert ended(client), name


def ended(client: Client) -> bool:
    """Tell whether a reply ends as one does: whole, with a fault, or with an error in a sentence."""
    try:
        return any(isinstance(event, Finished | Fault) for event in client.chat(HELLO))
    except LmchatError as error:
        return bool(error.message)
