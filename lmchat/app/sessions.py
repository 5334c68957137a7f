"""Which session a command talks in, and with what: flags over what the session remembers over the settings."""

from lmchat.advice import Action, Do, Say
from lmchat.app.invocation import ChatFlags
from lmchat.app.prompts import system_prompt
from lmchat.chat.integrations import parse_integration
from lmchat.chat.session import Session, TurnId
from lmchat.chat.values import EphemeralMcp, Integration
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, NotFoundError
from lmchat.settings import Settings
from lmchat.store.sessions import checked
from lmchat.store.store import Store

UNNAMED = ""
"""The name of a session that is named after its first prompt."""


def resolve_session(store: Store, settings: Settings, flags: ChatFlags, say: Say) -> Session:
    """Find the session the command line names, or describe a new one; nothing is written yet.

    A new session takes the settings' system prompt along; one that exists keeps its own unless a flag says otherwise.
    """
    name = _wished_name(store, flags)
    if name and store.has(name):
        session = store.find(name)
    else:
        session = Session(name=name or UNNAMED, turns={}, system=system_prompt(settings.text("system"), settings, say))
    changes: dict[str, object] = {"options": flags.options.over(session.options)}
    if flags.model is not None:
        changes["model"] = flags.model
    if flags.system is not None:
        changes["system"] = system_prompt(flags.system, settings, say, flags.encoding)
    if flags.mcp:
        changes["integrations"] = tuple(parse_integration(spec) for spec in flags.mcp)
    session = replace(session, **changes)  # type: ignore[arg-type]  # the names are Session's own
    for integration in session.integrations:
        say_withheld(settings, integration, say)
    return session


def say_withheld(settings: Settings, integration: Integration, say: Say) -> None:
    """Say of headers in the settings that they do not go to a tool server of that label."""
    if isinstance(integration, EphemeralMcp) and (
        sentence := settings.withheld_headers(integration.server_label, integration.server_url)
    ):
        say(f"lmchat: {sentence}")


def moved_to(session: Session, turn: int) -> Session:
    """Return the session with its head on a turn; 0 is before the first, as in `/goto 0`."""
    return session.moved(TurnId(turn) if turn else None)


def _wished_name(store: Store, flags: ChatFlags) -> str | None:
    if not flags.resume:
        return None if flags.name is None else checked(flags.name)
    if flags.name is not None:
        raise BadUseError("--continue names the session used last, so no other can be named.")
    last = store.last()
    if last is None:
        raise NotFoundError("There is no session to continue yet.", hint=("Begin one: ", Do(Action.BEGIN_SESSION)))
    return last
