"""The dialects, by the names of the setting `api`, and how to tell which one a server speaks.

What a dialect is made of is loaded when it is first used: a turn needs the code of one.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from lmchat.wire.dialect import Data, Dialect
from lmchat.wire.loose_json import mapping, sequence, text
from lmchat.wire.request import CHAT, MODELS

_HERE = "lmchat.wire"


def _of(module: str, name: str) -> Callable[..., Any]:
    """Return a function that loads the one of that name when it is first called."""

    def call(*given: Any, **more: Any) -> Any:
        return getattr(import_module(f"{_HERE}.{module}"), name)(*given, **more)

    return call


LMSTUDIO = Dialect(
    name="lmstudio",
    keeps=True,
    manages=True,
    chat_path=CHAT,
    models_path=MODELS,
    body=_of("lmstudio.request", "native_body"),
    reader=_of("lmstudio.events", "NativeReader"),
    models=_of("lmstudio.models", "listed"),
)
RESPONSES = Dialect(
    name="responses",
    keeps=True,
    manages=False,
    chat_path="/v1/responses",
    models_path="/v1/models",
    body=_of("responses.request", "responses_body"),
    reader=_of("responses.events", "ResponseReader"),
    models=_of("model_list", "listed_models"),
)
COMPLETIONS = Dialect(
    name="completions",
    keeps=False,
    manages=False,
    chat_path="/v1/chat/completions",
    models_path="/v1/models",
    body=_of("completions.request", "completions_body"),
    reader=_of("completions.events", "CompletionReader"),
    models=_of("model_list", "listed_models"),
)
DIALECTS: Mapping[str, Dialect] = {each.name: each for each in (LMSTUDIO, RESPONSES, COMPLETIONS)}

_STATEFUL = {"organization_owner"}
"""Owners of models whose servers keep what `/v1/responses` answers: LM Studio's. vLLM can, but does not by default."""


def detect(get: Callable[[str], Data], host: str) -> Dialect | None:
    """Return the dialect of a server by what it answers, never by its name; None where it has none of them.

    `get` asks for a route and raises LmchatError where that is refused.
    """
    from lmchat.errors import LmchatError
    from lmchat.wire.lmstudio.models import listed
    from lmchat.wire.model_list import listed_models

    try:
        if listed(get(MODELS)):
            return LMSTUDIO
    except LmchatError:
        pass  # most servers have no such route
    try:
        data = get("/v1/models")
    except LmchatError:
        return None
    if listed_models(data) is None:
        return None
    owners = {text(mapping(each).get("owned_by")) for each in sequence(data.get("data"))}
    return RESPONSES if owners & _STATEFUL or host == "api.openai.com" else COMPLETIONS
