"""Which model a talk goes to: the one that is named, loaded or was chosen before, or one that the person picks."""

from collections.abc import Sequence
from contextlib import suppress

from lmchat.app.models import load_model
from lmchat.chat.models import Model, find_model
from lmchat.dataclass import replace
from lmchat.errors import NotFoundError
from lmchat.repl.picker.choice import WHICH_MODEL, model_choices
from lmchat.repl.state import ReplState

_SEVERAL = 2


def with_model(state: ReplState) -> ReplState:
    """Return the state with a model to talk to, chosen by the person where several could answer.

    Raise LmchatError where there is none.
    """
    if state.session.model:
        return state
    if not state.known.settled(0):
        state.say("The server has not answered yet; Ctrl-C stops waiting for it.")
    return replace(state, session=state.conversation.with_model(state.session, lambda models: _picked(state, models)))


def with_first_model(state: ReplState) -> ReplState:
    """Return the state with a model before the first prompt; one that the person picks is loaded while they wait.

    Where they pick none the state stays as it is. Raise LmchatError where there is no model, or it cannot be loaded.
    """
    known = state.known.now()
    asked = False

    def pick(models: Sequence[Model]) -> str | None:
        nonlocal asked
        asked, key = True, _picked(state, models)
        if key is not None:
            load(state, key)
        return key

    try:
        chosen = replace(state, session=state.conversation.with_model(state.session, pick, known))
    except NotFoundError:
        if asked:  # they left it
            return state
        raise
    if not asked and (note := loading_note(state, chosen.model)):
        state.say(note)
    return chosen


def likely_model(state: ReplState) -> str:
    """Return the model that is chosen without asking, empty where the person has to pick; raise LmchatError for none.

    The server's models must be known.
    """
    picks = False

    def pick(_models: Sequence[Model]) -> None:
        nonlocal picks
        picks = True

    try:
        return state.conversation.with_model(state.session, pick, state.known.now()).model
    except NotFoundError:
        if picks:
            return ""
        raise


def loading_note(state: ReplState, key: str) -> str:
    """Return what to say where a model is loaded with the first prompt and there are others, else nothing."""
    chatting = [each for each in state.known.now() if each.chats]
    if len(chatting) < _SEVERAL or not _loads(state) or _is_loaded(chatting, key):
        return ""
    return f"{key} is loaded with the first prompt; /model chooses another."


def picked_model(state: ReplState) -> ReplState:
    """Let the person pick among all models, load the one they pick, and talk to it from here on."""
    conversation, models = state.conversation, state.known.fetched()
    key = _picked(state, conversation.by_use([model for model in models if model.chats]))
    if key is None:
        return state
    if not _is_loaded(models, key):
        load(state, key)
    conversation.remember(key)
    state.say(f"The next prompt goes to {key}.")
    return state.talking_with(model=key)


def load(state: ReplState, key: str) -> None:
    """Load a model and show its progress, where this server loads models; Ctrl-C stops only the waiting."""
    if _loads(state):
        with suppress(KeyboardInterrupt):
            load_model(state.models(), key, {})


def _loads(state: ReplState) -> bool:
    """Tell whether this server loads models when it is asked to."""
    return state.conversation.client.route.dialect.manages


def _is_loaded(models: Sequence[Model], key: str) -> bool:
    """Tell whether a model is loaded, as far as the server says so."""
    found = find_model(models, key)
    return found is None or bool(found.instances)


def _picked(state: ReplState, models: Sequence[Model]) -> str | None:
    return state.keyboard.chosen(WHICH_MODEL, model_choices(models)) if models else None
