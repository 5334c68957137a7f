"""Commands for how the model is talked with: system prompt, options, reasoning, tools; going on and compacting."""

from dataclasses import replace

from lmchat.app.attachments import text_or_file
from lmchat.chat.integrations import parse_integration, write_integration
from lmchat.chat.models import find_model, require_reasoning
from lmchat.chat.session import Outcome
from lmchat.chat.values import EphemeralMcp, Integration, Plugin, Prompt
from lmchat.errors import BadUseError
from lmchat.render.sanitize import safe
from lmchat.render.tables import pairs
from lmchat.repl.commands.command import (
    OPTIONS,
    Command,
    Takes,
    nothing,
    option_named,
    required,
    with_option,
)
from lmchat.repl.state import ReplState
from lmchat.repl.turns import GO_ON, SUMMARISE, ask, with_model


def system(desk: ReplState, text: str) -> ReplState:
    """Show or change the system prompt."""
    if not text:
        desk.write(f"{safe(desk.session.system)}\n" if desk.session.system else "There is no system prompt.\n")
        return desk
    return _with_system(desk, "" if text == '""' else text_or_file(text))


def set_(desk: ReplState, text: str) -> ReplState:
    """Show the options, or set one."""
    if not text:
        _show_options(desk)
        return desk
    name, _, value = text.replace("=", " ", 1).partition(" ")
    value = value.strip()
    if name in {"model", "system"}:
        raise BadUseError(f"The {name} has its own command.", hint=f"/{name} {value}")
    key = option_named(name)
    if not value:
        raise BadUseError(f"There is no value for {key.name}.", hint=f"Like this: /set {key.name} {key.example}")
    if key.name == "reasoning":
        return reasoning(desk, value)
    options = with_option(desk.session.options, key.name, value)
    desk = desk.talking_with(options=options)
    desk.say(f"{key.name} is {options.given()[key.name]} from the next prompt on.")
    return desk


def unset(desk: ReplState, text: str) -> ReplState:
    """Take an option back to what the settings or the server say."""
    name = required(text, "option", "/unset temperature")
    if name == "system":
        return _with_system(desk, "")
    key = option_named(name)
    desk = desk.talking_with(options=replace(desk.session.options, **{key.name: None}))
    below = desk.parts.settings.value(key.name)
    desk.say(f"{key.name} is not set here any more" + (f"; the settings say {below}." if below is not None else "."))
    return desk


def reasoning(desk: ReplState, text: str) -> ReplState:
    """Show how much the model can think, or choose."""
    desk = with_model(desk)
    found = find_model(desk.known.now(), desk.model) or find_model(desk.known.fetched(), desk.model)
    levels = found.reasoning_options if found else ()
    listed = ", ".join(levels)
    if not text:
        chosen = desk.session.options.reasoning or desk.parts.settings.text("reasoning")
        usual = (
            f"{found.reasoning_default} (the model's own)" if found and found.reasoning_default else "the model's own"
        )
        if not levels:
            desk.write(f"{desk.model} offers no choice of reasoning.\n")
        else:
            desk.write(f"Reasoning: {chosen or usual}. {desk.model} offers: {listed}.\n")
        return desk
    require_reasoning([found] if found else (), desk.model, text)
    desk = desk.talking_with(options=with_option(desk.session.options, "reasoning", text))
    desk.say(f"Reasoning is {text} from the next prompt on.")
    return desk


def mcp(desk: ReplState, text: str) -> ReplState:
    """Show, add or drop the tools the model may use."""
    if not text:
        used = "".join(f"{write_integration(each)}\n" for each in desk.session.integrations)
        desk.write(safe(used) or "No tools are in use. /mcp mcp/label or /mcp label=https://url adds some.\n")
        return desk
    if text == "off":
        desk = desk.talking_with(integrations=())
        desk.say("No tools are in use from the next prompt on.")
        return desk
    added = parse_integration(text)
    others = tuple(each for each in desk.session.integrations if _label(each) != _label(added))
    desk = desk.talking_with(integrations=(*others, added))
    desk.say(f"The model may use {_label(added)} from the next prompt on; /mcp off drops it.")
    return desk


def go_on(desk: ReplState, text: str) -> ReplState:
    """Ask the model to go on where its reply was cut."""
    nothing(text)
    desk = desk.current()
    if desk.head is None:
        raise BadUseError("There is no reply to go on from.")
    return replace(ask(desk, Prompt(GO_ON)), draft="")


def compact(desk: ReplState, text: str) -> ReplState:
    """Let the model summarise the conversation; the next prompt begins anew from that."""
    desk = desk.current()
    if desk.head is None:
        raise BadUseError("There is nothing to summarise yet.")
    before = desk.session.head
    minded = f" Mind especially: {text}" if text else ""
    asked = replace(ask(desk, Prompt(SUMMARISE + minded), summary=True), draft="", warned=False)
    if asked.head is None or not asked.head.summary:  # another program moved the session meanwhile
        return asked
    if asked.head.outcome is Outcome.COMPLETE:
        asked.say("The next prompt begins a new chain with this summary; /undo goes back to the whole conversation.")
        return asked
    # Half a summary must not stand for the whole conversation.
    moved = desk.parts.store.move(asked.session, before) if asked.kept else asked.session.moved(before)
    asked.say("There is no whole summary, so the conversation goes on as it was.")
    return asked.at(moved)


def _with_system(desk: ReplState, system_prompt: str) -> ReplState:
    desk = desk.current().talking_with(system=system_prompt)
    what = "The system prompt is changed" if system_prompt else "There is no system prompt any more"
    along = " The next prompt begins a new chain; the turns so far go along as text." if desk.head else ""
    desk.say(f"{what}.{along}")
    return desk


def _show_options(desk: ReplState) -> None:
    own, below = desk.session.options.given(), desk.parts.settings.options().given()
    rows = []
    for name, key in OPTIONS.items():
        value = own.get(name, below.get(name))
        source = "this session" if name in own else desk.parts.settings.source(name) if name in below else ""
        rows.append((name, "not set" if value is None else str(value), source or key.help))
    desk.write(pairs(rows, desk.theme))


def _label(integration: Integration) -> str:
    match integration:
        case Plugin(plugin_id):
            return plugin_id
        case EphemeralMcp(label):
            return label


COMMANDS = (
    Command(
        "system",
        "[TEXT or @FILE]",
        "Show or change the system prompt; /unset system drops it.",
        system,
        Takes.SYSTEM,
        more="A new chain begins then: the turns so far go along as text, and how much that is is said.",
    ),
    Command("set", "[option value]", "Show the options, or set one for this session.", set_, Takes.SET_OPTION),
    Command("unset", "option", "Take an option back to what the settings or the server say.", unset, Takes.OPTION),
    Command("reasoning", "[level]", "Show how much the model can think, or choose.", reasoning, Takes.REASONING),
    Command(
        "mcp",
        "[SPEC or off]",
        "Show, add or drop the tools the model may use.",
        mcp,
        Takes.INTEGRATION,
        more="SPEC is mcp/label, mcp/label:tool,tool or label=https://url[:tool,tool].",
    ),
    Command("continue", "", "Ask the model to go on where its reply was cut.", go_on),
    Command(
        "compact",
        "[what to mind]",
        "Go on from a summary that the model writes.",
        compact,
        more="The whole conversation stays in the tree; /undo goes back to it.",
    ),
)
