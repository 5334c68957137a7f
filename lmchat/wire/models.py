"""Models, loads and downloads as servers describe them; everything but a model's name may be missing.

LM Studio's own routes are in PROTOCOL.md section 5. The list of `GET /v1/models` says little: what the other routes of
a program say is added to it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from lmchat.chat.models import DownloadJob, Instance, Model
from lmchat.dataclass import dataclass, field, replace
from lmchat.errors import LmchatError
from lmchat.wire.dialects import LITELLM, LLAMA_SERVER, LM_STUDIO, OLLAMA, Ask, Data
from lmchat.wire.http import MODELS
from lmchat.wire.reading import decimal, integer, mapping, sequence, text, truth


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What a load made; `config` is empty unless it was asked for, None means that nothing was said."""

    instance_id: str
    load_seconds: float | None = None
    config: Data = field(default_factory=dict)

    @property
    def context_length(self) -> int | None:
        """Return the context in tokens that the server really gave."""
        return integer(self.config.get("context_length"))


def native_models(data: Data) -> tuple[Model, ...] | None:
    """Read LM Studio's list of models; None for anything else (llama-server lists `models` beside `data`)."""
    if not isinstance(data.get("models"), list):
        return None
    return None if isinstance(data.get("data"), list) else tuple(_read_models(data["models"]))


def _read_models(entries: object) -> Iterator[Model]:
    """Read the `models` of a list, leaving out what has no key."""
    for entry in sequence(entries):
        data = mapping(entry)
        if text(data.get("key")):
            yield _model(data)


def read_loaded(data: Data) -> LoadedModel:
    """Read the reply to a load."""
    return LoadedModel(
        instance_id=text(data.get("instance_id")),
        load_seconds=decimal(data.get("load_time_seconds")),
        config=mapping(data.get("load_config")),
    )


def read_job(data: Data, job_id: str = "") -> DownloadJob:
    """Read the state of a download; `job_id` is the one that was asked about."""
    return DownloadJob(
        id=text(data.get("job_id")) or job_id,
        status=text(data.get("status")),
        downloaded_bytes=integer(data.get("downloaded_bytes")),
        total_size_bytes=integer(data.get("total_size_bytes")),
        bytes_per_second=decimal(data.get("bytes_per_second")),
    )


def _model(data: Data) -> Model:
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


def openai_models(data: Data) -> tuple[Model, ...] | None:
    """Read the list of `GET /v1/models`, with what some servers add to it; None for anything else."""
    return tuple(_openai_models(data["data"])) if isinstance(data.get("data"), list) else None


def _openai_models(entries: object) -> Iterator[Model]:
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


_AT_ONCE = 8
_MOST = 64
"""Models that Ollama is asked about, one by one."""


def with_details(program: str, models: tuple[Model, ...], ask: Ask) -> tuple[Model, ...]:
    """Return a program's models with what its own routes say of them."""
    reader = _READERS.get(program)
    return reader(models, ask) if reader and models else models


def _llama_server(models: tuple[Model, ...], ask: Ask) -> tuple[Model, ...]:
    if all(model.instances and model.vision is not None for model in models):
        return models
    props = _answer(ask, "/props")
    context = integer(mapping(props.get("default_generation_settings")).get("n_ctx"))
    sees = truth(mapping(props.get("modalities")).get("vision"))
    return tuple(
        replace(
            model,
            vision=sees if model.vision is None else model.vision,
            max_context_length=model.max_context_length or context,
            instances=model.instances or (Instance(model.key, context),),
        )
        for model in models
    )


def _ollama(models: tuple[Model, ...], ask: Ask) -> tuple[Model, ...]:
    from concurrent.futures import ThreadPoolExecutor

    files, running = (_named(_answer(ask, path).get("models"), "name") for path in ("/api/tags", "/api/ps"))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = [model.key for model in models[:_MOST]]
        shown = dict(zip(asked, pool.map(lambda key: _answer(ask, "/api/show", {"model": key}), asked), strict=True))
    return tuple(
        _ollama_model(model, files.get(model.key, {}), running.get(model.key), shown.get(model.key, {}))
        for model in models
    )


def _ollama_model(model: Model, file: Data, running: Data | None, shown: Data) -> Model:
    about = mapping(file.get("details")) or mapping(shown.get("details"))
    facts = mapping(shown.get("model_info"))
    architecture = text(facts.get("general.architecture"))
    able = shown.get("capabilities")
    can = set(able) if isinstance(able, list) else None
    return replace(
        model,
        type="embedding" if can is not None and "embedding" in can and "completion" not in can else model.type,
        architecture=architecture,
        quantization=text(about.get("quantization_level")),
        params=text(about.get("parameter_size")),
        format=text(about.get("format")),
        size_bytes=integer(file.get("size")),
        max_context_length=integer(facts.get(f"{architecture}.context_length")),
        vision=None if can is None else "vision" in can,
        tools=None if can is None else "tools" in can,
        reasoning_options=None if can is None or "thinking" in can else (),
        instances=() if running is None else (Instance(model.key, integer(running.get("context_length"))),),
    )


def _litellm(models: tuple[Model, ...], ask: Ask) -> tuple[Model, ...]:
    known = _named(_answer(ask, "/model/info").get("data"), "model_name")
    return tuple(_litellm_model(model, mapping(known.get(model.key, {}).get("model_info"))) for model in models)


def _litellm_model(model: Model, facts: Data) -> Model:
    # It says "false" also of models that it knows nothing of.
    sees, calls = (truth(facts.get(name)) or None for name in ("supports_vision", "supports_function_calling"))
    return replace(
        model,
        type="embedding" if text(facts.get("mode")) == "embedding" else model.type,
        max_context_length=integer(facts.get("max_input_tokens")) or integer(facts.get("max_tokens")),
        vision=sees,
        tools=calls,
        hosted=True,
    )


def _lm_studio(models: tuple[Model, ...], ask: Ask) -> tuple[Model, ...]:
    """Read LM Studio's own list, or that of versions before 0.4."""
    own = {model.key: model for model in native_models(_answer(ask, MODELS)) or ()}
    if not own:
        old = _named(_answer(ask, "/api/v0/models").get("data"), "id")
        own = {key: _old_model(key, facts) for key, facts in old.items()}
    return tuple(own.get(model.key, model) for model in models)


def _old_model(key: str, facts: Data) -> Model:
    loaded = text(facts.get("state")) == "loaded"
    kind = text(facts.get("type"))
    return Model(
        key=key,
        type="embedding" if kind.startswith("embedding") else "llm",
        publisher=text(facts.get("publisher")),
        architecture=text(facts.get("arch")),
        quantization=text(facts.get("quantization")),
        max_context_length=integer(facts.get("max_context_length")),
        format=text(facts.get("compatibility_type")),
        vision=kind == "vlm",
        reasoning_options=None,
        instances=(Instance(key, integer(facts.get("loaded_context_length"))),) if loaded else (),
    )


def _answer(ask: Ask, path: str, body: Data | None = None) -> Data:
    """Return what a route answers, nothing where it does not."""
    try:
        return ask(path, body)
    except LmchatError:
        return {}


def _named(entries: object, name: str) -> Mapping[str, Data]:
    """Return a list's entries by one of their members."""
    found: Iterable[Data] = map(mapping, sequence(entries))
    return {text(each.get(name)): each for each in found}


_READERS: Mapping[str, Callable[[tuple[Model, ...], Ask], tuple[Model, ...]]] = {
    LLAMA_SERVER.name: _llama_server,
    OLLAMA.name: _ollama,
    LITELLM.name: _litellm,
    LM_STUDIO.name: _lm_studio,
}
