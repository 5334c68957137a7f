"""The list of models of the OpenAI-style routes, `GET /v1/models`, with what single servers add to it."""

from collections.abc import Iterator

from lmchat.chat.models import Instance, Model
from lmchat.wire.dialect import Data
from lmchat.wire.loose_json import integer, mapping, sequence, text


def listed_models(data: Data) -> tuple[Model, ...] | None:
    """Read the models; None where it is no list of them."""
    return tuple(_models(data["data"])) if isinstance(data.get("data"), list) else None


def _models(entries: object) -> Iterator[Model]:
    for entry in map(mapping, sequence(entries)):
        key = text(entry.get("id"))
        if not key:
            continue
        meta = mapping(entry.get("meta"))
        # llama-server says what is loaded; vLLM and SGLang the longest they take.
        context = integer(meta.get("n_ctx")) or integer(entry.get("max_model_len"))
        takes = mapping(entry.get("architecture")).get("input_modalities")
        yield Model(
            key=key,
            type="embedding" if key.startswith("text-embedding-") else "llm",
            size_bytes=integer(meta.get("size")),
            max_context_length=integer(meta.get("n_ctx_train")) or context,
            vision="image" in takes if isinstance(takes, list) else None,
            reasoning_options=None,
            instances=(Instance(key, context),) if context else (),
        )
