"""The dialects, by the names of the setting `api`.

What a dialect is made of is loaded when it is first used: a turn needs the code of one.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from lmchat.wire.dialect import Dialect
from lmchat.wire.request import CHAT, MODELS


def _of(module: str, name: str) -> Callable[..., Any]:
    """Return a function that loads the one of that name when it is first called."""

    def call(*given: Any, **more: Any) -> Any:
        return getattr(import_module(f"lmchat.wire.{module}"), name)(*given, **more)

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
    schemas=False,
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
