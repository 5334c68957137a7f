"""The dialects, by the names of the setting `api`."""

from collections.abc import Mapping

from lmchat.wire.completions.events import CompletionReader
from lmchat.wire.completions.request import completions_body
from lmchat.wire.dialect import Dialect
from lmchat.wire.lmstudio.events import NativeReader
from lmchat.wire.lmstudio.models import listed
from lmchat.wire.lmstudio.request import native_body
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
