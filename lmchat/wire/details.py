"""What single server programs say of their models beside the list: context lengths, sizes, abilities.

Each program has routes of its own; what they do not say stays as the list has it.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from lmchat.chat.models import Instance, Model
from lmchat.dataclass import replace
from lmchat.errors import LmchatError
from lmchat.wire.dialect import Ask, Data
from lmchat.wire.lmstudio.models import listed
from lmchat.wire.loose_json import integer, mapping, sequence, text, truth
from lmchat.wire.programs import LITELLM, LLAMA_SERVER, LM_STUDIO, OLLAMA
from lmchat.wire.request import MODELS

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
    own = {model.key: model for model in listed(_answer(ask, MODELS)) or ()}
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
