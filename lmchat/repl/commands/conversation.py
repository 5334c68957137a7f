"""Commands for how the model is talked with: system prompt, options, reasoning, tools; going on and compacting."""

from collections.abc import Iterable, Sequence

from lmchat.app.asking import say_withheld, system_prompt
from lmchat.chat.models import (
    EphemeralMcp,
    Integration,
    OtherIntegration,
    Plugin,
    find_model,
    parse_integration,
    require_reasoning,
    write_integration,
)
from lmchat.chat.session import Outcome
from lmchat.chat.values import Prompt
from lmchat.dataclass import replace
from lmchat.errors import BadUseError
from lmchat.render.listings import pairs
from lmchat.render.text import sanitize
from lmchat.repl.commands.command import (
    DISPLAY_SETTINGS,
    Command,
    Suggestion,
    by_word,
    first_words,
    nothing,
    offer_option_values,
    offer_options,
    offer_prompt_file,
    one_word,
    option_named,
    required,
    suggestions,
    with_option,
)
from lmchat.repl.matching import Offer
from lmchat.repl.models import with_model
from lmchat.repl.state import ReplState
from lmchat.repl.turns import GO_ON, SUMMARIZE, ask
from lmchat.settings.keys import BY_NAME, OPTIONS
from lmchat.settings.layers import layer
from lmchat.settings.prompts import Kind, PromptFile, read_all


def system(state: ReplState, text: str) -> ReplState:
    """Show or change the system prompt."""
    if not text:
        state.write(f"{sanitize(state.session.system)}\n" if state.session.system else "There is no system prompt.\n")
        return state
    return _with_system(state, "" if text == '""' else system_prompt(text, state.conversation.settings, state.say))


def set_(state: ReplState, text: str) -> ReplState:
    """Show the options, or set one."""
    if not text:
        _show_options(state)
        return state
    name, _, value = text.replace("=", " ", 1).partition(" ")
    value = value.strip()
    if name in {"model", "system"}:
        raise BadUseError(f"The {name} has its own command.", hint=f"/{name} {value}")
    if name.replace("-", "_").lower() in DISPLAY_SETTINGS:
        return _with_display(state, name.replace("-", "_").lower(), value)
    key = option_named(name)
    if not value:
        raise BadUseError(f"There is no value for {key.name}.", hint=f"Like this: /set {key.name} {key.example}")
    if key.name == "reasoning":
        return reasoning(state, value)
    options = with_option(state.session.options, key.name, value)
    state = state.talking_with(options=options)
    state.say(f"{key.name} is {options.value(key.name)} from the next prompt on.")
    return state


def unset(state: ReplState, text: str) -> ReplState:
    """Take an option back to what the settings or the server say."""
    name = required(text, "option", "/unset temperature")
    if name == "system":
        return _with_system(state, "")
    if name in DISPLAY_SETTINGS:
        return _with_display(state, name, "")
    key = option_named(name)
    state = state.talking_with(options=state.session.options.changed(key.name, None))
    below = state.conversation.settings.value(key.name)
    state.say(f"{key.name} is not set here any more" + (f"; the settings say {below}." if below is not None else "."))
    return state


def reasoning(state: ReplState, text: str) -> ReplState:
    """Show how much the model can think, or choose."""
    state = with_model(state)
    found = find_model(state.known.now(), state.model) or find_model(state.known.fetched(), state.model)
    levels = (found.reasoning_options or ()) if found else ()
    listed = ", ".join(levels)
    if not text:
        chosen = state.session.options.value("reasoning") or state.conversation.settings.text("reasoning")
        usual = (
            f"{found.reasoning_default} (the model's own)" if found and found.reasoning_default else "the model's own"
        )
        if not levels:
            state.write(f"{state.model} offers no choice of reasoning.\n")
        else:
            state.write(f"Reasoning: {chosen or usual}. {state.model} offers: {listed}.\n")
        return state
    require_reasoning([found] if found else (), state.model, text)
    state = state.talking_with(options=with_option(state.session.options, "reasoning", text))
    state.say(f"Reasoning is {text} from the next prompt on.")
    return state


def mcp(state: ReplState, text: str) -> ReplState:
    """Show, add or drop the tools the model may use."""
    if not text:
        used = "".join(f"{write_integration(each)}\n" for each in state.session.integrations)
        state.write(sanitize(used) or "No tools are in use. /mcp mcp/label or /mcp label=https://url adds some.\n")
        return state
    if text == "off":
        state = state.talking_with(integrations=())
        state.say("No tools are in use from the next prompt on.")
        return state
    added = parse_integration(text)
    others = tuple(each for each in state.session.integrations if _label(each) != _label(added))
    state = state.talking_with(integrations=(*others, added))
    state.say(f"The model may use {_label(added)} from the next prompt on; /mcp off drops it.")
    say_withheld(state.conversation.settings, added, state.say)
    return state


def go_on(state: ReplState, text: str) -> ReplState:
    """Ask the model to go on where its reply was cut."""
    nothing(text)
    state = state.current()
    if state.head is None:
        raise BadUseError("There is no reply to go on from.")
    return replace(ask(state, Prompt(GO_ON)), draft="")


def compact(state: ReplState, text: str) -> ReplState:
    """Let the model summarize the conversation; the next prompt goes on from that."""
    state = state.current()
    if state.head is None:
        raise BadUseError("There is nothing to summarize yet.")
    before = state.session.head
    attention = f" Pay special attention to: {text}" if text else ""
    asked = replace(ask(state, Prompt(SUMMARIZE + attention), summary=True), draft="", warned=False)
    if asked.head is None or not asked.head.summary:  # another program has moved the session
        return asked
    if asked.head.outcome is Outcome.COMPLETE:
        asked.say("The next prompt begins a new chain with this summary; /undo goes back to the full conversation.")
        return asked
    # An incomplete summary does not replace the conversation.
    moved = state.conversation.store.move(asked.session, before) if asked.kept else asked.session.moved(before)
    asked.say("The summary is incomplete, so the conversation continues without it.")
    return asked.at(moved)


def _with_system(state: ReplState, system_prompt: str) -> ReplState:
    state = state.current().talking_with(system=system_prompt)
    what = "The system prompt is changed" if system_prompt else "There is no system prompt any more"
    resent = " The next prompt begins a new chain; the turns so far are sent with it as text." if state.head else ""
    state.say(f"{what}.{resent}")
    return state


def _with_display(state: ReplState, name: str, text: str) -> ReplState:
    """Return the state with a setting of the display as it was typed, or where nothing was, as it is elsewhere."""
    settings = state.conversation.settings
    given = {**settings.flags}
    given.pop(name, None)
    if text:
        key = BY_NAME[name]
        given |= layer({name: key.shape.read(text)}, {name: f"/set {name}"})
    settings = replace(settings, flags=given)
    state.say(f"{name} is {settings.text(name) or 'not set'} from the next reply on.")
    return replace(state, conversation=replace(state.conversation, settings=settings))


def _show_options(state: ReplState) -> None:
    own, below = state.session.options.given(), state.conversation.settings.options().given()
    rows = []
    for name, key in OPTIONS.items():
        value = own.get(name, below.get(name))
        source = "this session" if name in own else state.conversation.settings.source(name) if name in below else ""
        rows.append((name, "not set" if value is None else str(value), source or key.help))
    settings = state.conversation.settings
    for name in DISPLAY_SETTINGS:
        shown = (
            (settings.text(name), settings.source(name)) if settings.is_set(name) else ("not set", BY_NAME[name].help)
        )
        rows.append((name, *shown))
    state.write(pairs(rows, state.theme, state.width))


def _label(integration: Integration) -> str:
    match integration:
        case Plugin(plugin_id):
            return plugin_id
        case EphemeralMcp(label):
            return label
        case OtherIntegration(kind):
            return kind


def _system_offers(state: ReplState, typed: str) -> Iterable[Suggestion]:
    """Offer files after an @, and the person's roles."""
    roles = read_all(state.conversation.settings.path, Kind.ROLE)
    named = [(f":{each.name}", each.about) for each in roles if isinstance(each, PromptFile)]
    return offer_prompt_file(state, typed) if typed.startswith("@") else suggestions(typed, named)


def _set_offers(state: ReplState, typed: str) -> Iterable[Suggestion]:
    """Offer options, and their values after a blank or `=`."""
    return by_word(_set_words)(state, typed.replace("=", " ", 1))


def _set_words(state: ReplState, words: Sequence[str]) -> Iterable[Offer]:
    if len(words) == 1:
        return [*offer_options(state), *((name, BY_NAME[name].help) for name in DISPLAY_SETTINGS)]
    if words[0] in DISPLAY_SETTINGS:
        return [(choice, "") for choice in BY_NAME[words[0]].shape.choices]
    return offer_option_values(state, words[0])


def _set_here(state: ReplState) -> Iterable[Offer]:
    """Offer what this session sets."""
    session = state.session
    system = [("system", first_words(session.system))] if session.system else []
    return [*((name, str(value)) for name, value in session.options.given().items()), *system]


def _tools(state: ReplState) -> Iterable[Offer]:
    used = ((write_integration(each), "in use") for each in state.session.integrations)
    return [("off", "Use no tools."), *used]


OPTION_COMMANDS = (
    Command(
        "system",
        "[TEXT, @FILE or :ROLE]",
        "Show or change the system prompt; /unset system drops it.",
        system,
        _system_offers,
        more="A new chain begins then: the turns so far are sent as text, and it says how many.",
    ),
    Command("set", "[option value]", "Show the options, or set one for this session.", set_, _set_offers),
    Command(
        "unset", "option", "Take an option back to what the settings or the server say.", unset, one_word(_set_here)
    ),
    Command(
        "reasoning",
        "[level]",
        "Show how much the model can think, or choose.",
        reasoning,
        one_word(lambda state: offer_option_values(state, "reasoning")),
    ),
    Command(
        "mcp",
        "[SPEC or off]",
        "Show, add or drop the tools the model may use.",
        mcp,
        one_word(_tools),
        more="SPEC is mcp/label, mcp/label:tool,tool or label=https://url[:tool,tool].",
    ),
)
TURN_COMMANDS = (
    Command("continue", "", "Ask the model to go on where its reply was cut.", go_on),
    Command(
        "compact",
        "[focus]",
        "Go on from a summary that the model writes.",
        compact,
        more="The full conversation stays in the tree; /undo goes back to it.",
    ),
)
