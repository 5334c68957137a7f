"""Commands for the server's models."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from lmchat.app.models import chat_model, download_model, list_models, load_model, unload_model
from lmchat.chat.models import instance_offers, name_to_ask
from lmchat.errors import BadUseError, nearest
from lmchat.render.text import sanitize_line
from lmchat.repl.commands.command import Command, by_word, nothing, offer_models, one_word, required, whole, words
from lmchat.repl.matching import Offer
from lmchat.repl.models import picked_model
from lmchat.repl.state import ReplState
from lmchat.settings.keys import LOAD_OPTIONS
from lmchat.settings.shapes import misfit

_ALL = "--all"


def model(state: ReplState, text: str) -> ReplState:
    """Talk to another model, which the person picks where none is named."""
    if not text:
        state.write(f"{sanitize_line(state.model) or 'No model is chosen yet.'}\n")
        return picked_model(state)
    found = chat_model(state.models(), text)
    chosen = name_to_ask(found, text)
    state = state.talking_with(model=chosen)
    loaded = "" if found.instances or found.hosted else " It is loaded with the next prompt."
    state.say(f"The next prompt goes to {chosen}.{loaded}")
    return state


def models(state: ReplState, text: str) -> ReplState:
    """List the server's models, loaded ones first."""
    nothing(text)
    list_models(state.models(), state.theme, state.width)
    return state


def load(state: ReplState, text: str) -> ReplState:
    """Load a model, unless it is loaded already."""
    key, *given = words(required(text, "model to load", "/load google/gemma-3-1b context_length=8192"))
    options = _load_options(given)
    with suppress(KeyboardInterrupt):
        load_model(state.models(), key, options)
    return state


def unload(state: ReplState, text: str) -> ReplState:
    """Unload a model, one of its loaded instances, or all there are."""
    name = required(text or state.model, "model to unload", "/unload google/gemma-3-1b")
    unload_model(state.models(), None if name == _ALL else name)
    state.known.refresh()
    return state


def download(state: ReplState, text: str) -> ReplState:
    """Download a model and watch it; Ctrl-C stops the watching only."""
    name, *more = words(required(text, "model to download", "/download qwen2.5-coder-0.5b-instruct"))
    with suppress(KeyboardInterrupt):
        download_model(state.models(), name, more[0] if more else None)
    state.known.refresh()
    return state


def _load_options(given: list[str]) -> dict[str, Any]:
    """Read `context_length=8192 flash_attention=on`, with dashes as on the command line too."""
    options: dict[str, Any] = {}
    for word in given:
        name, _, value = word.lstrip("-").partition("=")
        name = name.replace("-", "_").lower()
        if name not in LOAD_OPTIONS:
            hint = nearest(name, list(LOAD_OPTIONS)) or f"There are: {', '.join(LOAD_OPTIONS)}."
            raise BadUseError(f"'{word}' is not an option for loading.", hint=hint)
        shape = LOAD_OPTIONS[name].shape
        options[name] = shape.read(value)
        if wrong := misfit(shape, options[name]):
            raise BadUseError(f"{name} {wrong}.", hint=f"Like this: {name}={LOAD_OPTIONS[name].example}")
    return options


def _loaded(state: ReplState) -> Iterable[Offer]:
    return [*instance_offers(state.known.now()), (_ALL, "Everything that is loaded.")]


def _load_offers(state: ReplState, typed: Sequence[str]) -> Iterator[Offer]:
    if len(typed) == 1:
        yield from offer_models(state)
        return
    name, equals, _ = typed[-1].partition("=")
    for option, row in LOAD_OPTIONS.items():
        if not equals:
            yield f"{option}=", row.help
        elif option == name:
            yield from ((f"{name}={value}", "") for value in row.shape.choices or (row.example,))


COMMANDS = (
    Command("model", "[KEY]", "Pick the model to talk to from here on, or name it.", model, whole(offer_models)),
    Command("models", "", "List the server's models.", models),
    Command(
        "load",
        "KEY [option=value…]",
        "Load a model now instead of with the next prompt.",
        load,
        by_word(_load_offers),
        more=f"The options are {', '.join(LOAD_OPTIONS)}: /load KEY context_length=8192 flash_attention=on",
    ),
    Command(
        "unload",
        "[KEY]",
        "Unload this model, another, or one loaded copy.",
        unload,
        one_word(_loaded),
        more="/unload --all unloads everything.",
    ),
    Command(
        "download",
        "NAME [QUANTIZATION]",
        "Download a model; Ctrl-C stops watching, not the download.",
        download,
        more="NAME is one of LM Studio's catalogue or a Hugging Face URL; only a URL takes a quantization.",
    ),
)
