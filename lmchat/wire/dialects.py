"""The dialects, by the names of the setting `api`, and how to tell which one a server speaks."""

from collections.abc import Callable, Mapping

from lmchat.errors import LmchatError
from lmchat.wire.completions.events import CompletionReader
from lmchat.wire.completions.request import completions_body
from lmchat.wire.dialect import Data, Dialect
from lmchat.wire.lmstudio.events import NativeReader
from lmchat.wire.lmstudio.models import listed
from lmchat.wire.lmstudio.request import native_body
from lmchat.wire.loose_json import mapping, sequence, text
from lmchat.wire.model_list import listed_models
from lmchat.wire.request import CHAT, MODELS
from lmchat.wire.responses.events import ResponseReader
from lmchat.wire.responses.request import responses_body

LMSTUDIO = Dialect(
    name="lmstudio",
    keeps=True,
    manages=True,
    chat_path=CHAT,
    models_path=MODELS,
    body=native_body,
    reader=NativeReader,
    models=listed,
    schemas=False,
)
RESPONSES = Dialect(
    name="responses",
    keeps=True,
    manages=False,
    chat_path="/v1/responses",
    models_path="/v1/models",
    body=responses_body,
    reader=ResponseReader,
    models=listed_models,
)
COMPLETIONS = Dialect(
    name="completions",
    keeps=False,
    manages=False,
    chat_path="/v1/chat/completions",
    models_path="/v1/models",
    body=completions_body,
    reader=CompletionReader,
    models=listed_models,
)
DIALECTS: Mapping[str, Dialect] = {each.name: each for each in (LMSTUDIO, RESPONSES, COMPLETIONS)}

_STATEFUL = {"organization_owner"}
"""Owners of models whose servers keep what `/v1/responses` answers: LM Studio's. vLLM can, but does not by default."""


def detect(get: Callable[[str], Data], host: str) -> Dialect | None:
    """Return the dialect of a server by what it answers, never by its name; None where it has none of them.

    `get` asks for a route and raises LmchatError where that is refused.
    """
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
