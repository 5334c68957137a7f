"""Models, loads and downloads from the API's JSON (PROTOCOL.md section 5); everything but a key may be missing."""

from collections.abc import Iterator, Mapping
from typing import Any

from lmchat.chat.models import DownloadJob, Instance, Model
from lmchat.dataclass import dataclass, field
from lmchat.wire.loose_json import decimal, integer, mapping, sequence, text, truth


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What a load made; `config` is empty unless it was asked for, None means that nothing was said."""

    instance_id: str
    load_seconds: float | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def context_length(self) -> int | None:
        """Return the context in tokens that the server really gave."""
        return integer(self.config.get("context_length"))


def listed(data: Mapping[str, Any]) -> tuple[Model, ...] | None:
    """Read a list of models; None where it is none, or another API's (llama-server lists `models` without keys)."""
    if not isinstance(data.get("models"), list):
        return None
    return None if isinstance(data.get("data"), list) else tuple(read_models(data["models"]))


def read_models(entries: object) -> Iterator[Model]:
    """Read the `models` of a list, leaving out what has no key."""
    for entry in sequence(entries):
        data = mapping(entry)
        if text(data.get("key")):
            yield _model(data)


def read_loaded(data: Mapping[str, Any]) -> LoadedModel:
    """Read the reply to a load."""
    return LoadedModel(
        instance_id=text(data.get("instance_id")),
        load_seconds=decimal(data.get("load_time_seconds")),
        config=mapping(data.get("load_config")),
    )


def read_job(data: Mapping[str, Any], job_id: str = "") -> DownloadJob:
    """Read the state of a download; `job_id` is the one that was asked about."""
    return DownloadJob(
        id=text(data.get("job_id")) or job_id,
        status=text(data.get("status")),
        downloaded_bytes=integer(data.get("downloaded_bytes")),
        total_size_bytes=integer(data.get("total_size_bytes")),
        bytes_per_second=decimal(data.get("bytes_per_second")),
    )


def _model(data: Mapping[str, Any]) -> Model:
    able = mapping(data.get("capabilities"))
    reasoning = mapping(able.get("reasoning"))
    # An object in every reply seen; a server may just as well write its name.
    quantization = data.get("quantization")
    return Model(
        key=text(data.get("key")),
        type=text(data.get("type")) or "llm",
        publisher=text(data.get("publisher")),
        display_name=text(data.get("display_name")),
        architecture=text(data.get("architecture")),
        quantization=text(mapping(quantization).get("name")) or text(quantization),
        bits_per_weight=decimal(mapping(quantization).get("bits_per_weight")),
        size_bytes=integer(data.get("size_bytes")),
        params=text(data.get("params_string")),
        max_context_length=integer(data.get("max_context_length")),
        format=text(data.get("format")),
        vision=truth(able.get("vision")),
        tools=truth(able.get("trained_for_tool_use")),
        reasoning_options=_texts(reasoning.get("allowed_options")),
        reasoning_default=text(reasoning.get("default")),
        variants=_texts(data.get("variants")),
        instances=tuple(_instances(data.get("loaded_instances"))),
    )


def _instances(entries: object) -> Iterator[Instance]:
    for entry in sequence(entries):
        data = mapping(entry)
        if text(data.get("id")):
            yield Instance(text(data.get("id")), integer(mapping(data.get("config")).get("context_length")))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(text(each) for each in sequence(value) if text(each))
