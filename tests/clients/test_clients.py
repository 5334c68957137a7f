"""What people use beside LM Studio finds in `lmchat serve` what it looks for, with the built-in model."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmchat.local import run
from tests.clients.environment import python_with, ran
from tests.local.conftest import KEY
from tests.support.worlds import world_at

pytestmark = [pytest.mark.engines, pytest.mark.model, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def url(model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the built-in model, once for all."""
    with run.started(world_at(tmp_path_factory.mktemp("served"), LMCHAT_MODEL_CACHE=str(model_cache))) as url:
        yield url


@pytest.fixture(scope="module")
def openai() -> Path:
    return python_with("openai==3.57.0")


@pytest.fixture(scope="module")
def litellm() -> Path:
    return python_with("litellm==1.80.11")


OPENAI = """
import json, sys
import openai
client, model = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="none"), sys.argv[2]
"""


@pytest.mark.parametrize(
    ("told", "asked", "word"),
    [
        ("私の好きな色は青です", "先ほど私が話していた色は?", "青"),
        ("My favourite colour is blue.", "What is my favourite colour?", "blue"),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
def test_openai_goes_on_with_a_response_by_its_id(
    openai: Path, url: str, told: str, asked: str, word: str, streamed: bool
) -> None:
    script = (
        OPENAI
        + """
def respond(**given):
    if sys.argv[5] == "False":
        return client.responses.create(model=model, **given)
    with client.responses.stream(model=model, **given) as events:
        for event in events: pass
        return events.get_final_response()
first = respond(input=sys.argv[3])
second = respond(input=sys.argv[4], previous_response_id=first.id)
assert second.previous_response_id == first.id, second
assert second.usage.input_tokens > first.usage.input_tokens
print(second.output_text)
"""
    )
    assert word in ran(openai, script, url, KEY, told, asked, str(streamed))


def test_openai_chats_at_once_and_in_a_stream(openai: Path, url: str) -> None:
    script = (
        OPENAI
        + """
asked = {"model": model, "messages": [{"role": "user", "content": "Say hello."}], "temperature": 0}
whole = client.chat.completions.create(**asked)
assert whole.choices[0].finish_reason == "stop" and whole.usage.total_tokens > 0
chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
assert text == whole.choices[0].message.content, (text, whole)
assert chunks[-1].usage == whole.usage
short = client.chat.completions.create(**asked, max_tokens=1)
assert short.choices[0].finish_reason == "length"
stopped = client.chat.completions.create(**asked, stop=[text[2:4]])
print(text, stopped.choices[0].message.content == text[:2])
"""
    )
    assert ran(openai, script, url, KEY).strip().endswith("True")


def test_openai_lists_the_models(openai: Path, url: str) -> None:
    script = OPENAI + "print([each.id for each in client.models.list()], client.models.retrieve(model).id)"

    assert ran(openai, script, url, KEY) == f"['{KEY}'] {KEY}\n"


def test_openai_gets_json_of_a_form_on_both_routes(openai: Path, url: str) -> None:
    script = (
        OPENAI
        + """
from pydantic import BaseModel
class Colour(BaseModel):
    name: str
    warm: bool
asked = [{"role": "user", "content": "Describe the colour red."}]
for parsed in (
    client.chat.completions.parse(model=model, messages=asked, response_format=Colour).choices[0].message.parsed,
    client.responses.parse(model=model, input=asked, text_format=Colour).output_parsed,
):
    assert isinstance(parsed, Colour), parsed
print("both")
"""
    )
    assert ran(openai, script, url, KEY) == "both\n"


def test_openai_is_given_refusals_that_it_understands(openai: Path, url: str) -> None:
    script = (
        OPENAI
        + """
tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
for ask in (
    lambda: client.responses.create(model=model, input="x", previous_response_id="resp_none"),
    lambda: client.chat.completions.create(model=model, messages=[{"role": "user", "content": "x"}], tools=[tool]),
    lambda: client.models.retrieve("nothing"),
):
    try:
        ask()
    except openai.APIStatusError as refused:
        print(refused.status_code, refused.code, refused.param)
"""
    )
    assert ran(openai, script, url, KEY).splitlines() == [
        "400 previous_response_not_found previous_response_id",
        "400 unsupported_parameter tools",
        "404 model_not_found model",
    ]


def test_llm_answers_and_goes_on(url: str, tmp_path: Path) -> None:
    python = python_with("llm==0.36")
    model = f"- model_id: served\n  model_name: {KEY}\n  api_base: {url}/v1\n  supports_schema: true\n"
    (tmp_path / "extra-openai-models.yaml").write_text(model)
    script = "import sys; from llm.cli import cli; cli(sys.argv[1:])"

    def llm(*arguments: str) -> str:
        return ran(python, script, "-m", "served", *arguments, LLM_USER_PATH=str(tmp_path))

    assert llm("My favourite colour is blue.").strip()
    assert "blue" in llm("-c", "What is my favourite colour?")
    assert llm("--no-stream", "Say hello.").strip()
    assert set(json.loads(llm("--schema", "name, warm bool", "Describe the colour red."))) == {"name", "warm"}


def test_litellm_answers_on_every_route(litellm: Path, url: str) -> None:
    script = """
import sys, litellm
chat, responses = f"lm_studio/{sys.argv[2]}", f"openai/{sys.argv[2]}"
given = {"api_base": sys.argv[1] + "/v1", "api_key": "none"}
hello = [{"role": "user", "content": "Say hello."}]
whole = litellm.completion(model=chat, messages=hello, temperature=0, **given)
chunks = litellm.completion(model=chat, messages=hello, temperature=0, stream=True, **given)
text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
assert text and text == whole.choices[0].message.content, (text, whole)
first = litellm.responses(model=responses, input="私の好きな色は青です", **given)
second = litellm.responses(model=responses, input="先ほど私が話していた色は?", previous_response_id=first.id, **given)
print(second.output[0].content[0].text)
"""
    assert "青" in ran(litellm, script, url, KEY, HOME=os.environ["HOME"])


def test_lmstd_uses_the_native_routes(url: str) -> None:
    script = """
import sys, lmstd
client, model = lmstd.LMStd(sys.argv[1]), sys.argv[2]
assert [each["key"] for each in client.list_models()["models"]] == [model]
first = client.chat(model, "My name is Alice.")
events = list(client.chat_stream(model, "What is my name?", previous_response_id=first["response_id"]))
assert events[0]["type"] == "chat.start" and events[-1]["type"] == "chat.end", events
print(events[-1]["result"]["output"][0]["content"])
try:
    client.chat(model, [{"type": "message", "content": "x"}])
except lmstd.LMStdError as refused:
    print(refused.status_code)
"""
    said = ran(python_with("lmstd==0.2.0"), script, url, KEY)

    assert "Alice" in said
    assert said.endswith("400\n")
