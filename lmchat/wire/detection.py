"""Find out what a server speaks by what it answers, never by a product's name alone.

A question is asked of routes that every server of a kind has, and that change nothing there.
"""

from lmchat.chat.models import Model
from lmchat.errors import ChainLostError, LmchatError, RefusedError, UnreachableError
from lmchat.wire.dialect import Ask, Data, Finding
from lmchat.wire.dialects import COMPLETIONS, LMSTUDIO, RESPONSES
from lmchat.wire.lmstudio.models import listed
from lmchat.wire.loose_json import mapping, sequence, text
from lmchat.wire.model_list import listed_models
from lmchat.wire.programs import (
    LITELLM,
    LLAMA_SERVER,
    LM_STUDIO,
    OLLAMA,
    OPENROUTER,
    SGLANG,
    UNKNOWN,
    VLLM,
    Program,
)
from lmchat.wire.refusals import loading
from lmchat.wire.request import MODELS

LIST = "/v1/models"

_OWNERS = {"llamacpp": LLAMA_SERVER, "vllm": VLLM, "sglang": SGLANG, "library": OLLAMA, "organization_owner": LM_STUDIO}
"""Programs by what they write as the owner of a model."""

_OPENAI = "api.openai.com"


def detect(ask: Ask, host: str) -> tuple[Finding, tuple[Model, ...]] | None:
    """Return what a server speaks and the models it lists, None where that is none of the dialects.

    Raise LmchatError where it cannot be reached, loads a model first, or refuses its list.
    """
    prefix, data = "", _native_list(ask)
    if data is not None:
        native = listed(data)
        # llama-server lists `models` too, but without keys.
        if native or (native is not None and not data["models"]):
            return Finding(LMSTUDIO.name, keeps=True, program=LM_STUDIO.name), native
        if listed_models(data) is not None:
            prefix = "/api"  # OpenRouter
    if not prefix:
        data = ask(LIST, None)
    models = None if data is None else listed_models(data)
    if data is None or models is None:
        return None
    program = program_of(data, ask)
    if _keeps(program, models, ask) or host == _OPENAI:
        return Finding(RESPONSES.name, keeps=True, prefix=prefix, program=program.name), models
    return Finding(COMPLETIONS.name, keeps=False, prefix=prefix, program=program.name), models


def program_of(data: Data, ask: Ask) -> Program:
    """Return which program lists these models, `UNKNOWN` for one that does nothing otherwise than others."""
    entries = [mapping(each) for each in sequence(data.get("data"))]
    owners = {text(each.get("owned_by")) for each in entries}
    if known := next((_OWNERS[owner] for owner in owners if owner in _OWNERS), None):
        return known
    if any("supported_parameters" in each for each in entries):
        return OPENROUTER
    # Ollama names the person who made a model, LiteLLM calls everyone "openai".
    for path, member, program in (("/model/info", "data", LITELLM), ("/api/version", "version", OLLAMA)):
        if _has(ask, path, member):
            return program
    return UNKNOWN


def _native_list(ask: Ask) -> Data | None:
    """Return what LM Studio's own list of models answers; None where there is no such route."""
    try:
        return ask(MODELS, None)
    except UnreachableError:
        raise
    except RefusedError as error:
        if loading(error):
            raise
        return None
    except LmchatError:
        return None


def _has(ask: Ask, path: str, member: str) -> bool:
    try:
        return member in ask(path, None)
    except LmchatError:
        return False


def _keeps(program: Program, models: tuple[Model, ...], ask: Ask) -> bool:
    """Tell whether a program keeps conversations on `/v1/responses`: vLLM does only where it was started so."""
    if program is not VLLM or not models:
        return program is LM_STUDIO
    # Without a store it refuses to work in the background, with one it looks for the id first: nothing is generated.
    question = {"model": models[0].key, "input": "?", "background": True, "previous_response_id": "resp_none"}
    try:
        ask("/v1/responses", question)
    except ChainLostError:
        return True
    except LmchatError:
        return False
    return False
