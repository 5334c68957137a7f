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
        meta, shape = mapping(entry.get("meta")), mapping(entry.get("architecture"))
        # llama-server says what is loaded; vLLM and SGLang the longest they take; OpenRouter what it can pass on.
        context = integer(meta.get("n_ctx")) or integer(entry.get("max_model_len"))
        hosted = integer(entry.get("context_length"))
        takes, gives, options = (
            shape.get("input_modalities"),
            shape.get("output_modalities"),
            entry.get("supported_parameters"),
        )
        speaks = "text" in gives if isinstance(gives, list) and gives else not key.startswith("text-embedding-")
        thinks = "reasoning" in options if isinstance(options, list) else None
        yield Model(
            key=key,
            type="llm" if speaks else "embedding",
            display_name=text(entry.get("name")),
            size_bytes=integer(meta.get("size")),
            max_context_length=integer(meta.get("n_ctx_train")) or context or hosted,
            vision="image" in takes if isinstance(takes, list) else None,
            tools="tools" in options if isinstance(options, list) else None,
            reasoning_options=() if thinks is False else None,
            instances=(Instance(key, context),) if context else (),
            hosted=hosted is not None and context is None,
        )
