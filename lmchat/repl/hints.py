"""What hints tell a person to do, by the names that are typed in talk."""

from lmchat.advice import Action, Words, worded
from lmchat.errors import LmchatError


def _set(to: str) -> str:
    name, _, value = to.partition(" ")
    return f"/reasoning {value}".rstrip() if name == "reasoning" else f"/set {to or 'option value'}"


IN_TALK: Words = {
    Action.ATTACH_PICTURE: lambda to: f"/image {to or 'FILE'}",
    Action.BEGIN_SESSION: lambda _to: "/new",
    Action.CHOOSE_MODEL: lambda to: f"/model {to or 'KEY'}",
    Action.DOWNLOAD_MODEL: lambda to: f"/download {to or 'NAME'}",
    Action.EXPORT_SESSION: lambda _to: "/export FILE.json",
    Action.LIST_MODELS: lambda _to: "/models",
    Action.LIST_SESSIONS: lambda _to: "/sessions",
    Action.LOAD_MODEL: lambda to: f"/load {to or 'KEY context_length=N'}",
    Action.SET_OPTION: _set,
    Action.SHOW_TREE: lambda _to: "/tree",
    Action.SWITCH_SESSION: lambda to: f"/switch {to or 'NAME'}",
    Action.UNLOAD_MODEL: lambda to: f"/unload {to or 'KEY'}",
    Action.UNSET_OPTION: lambda to: f"/unset {to or 'option'}",
}


def worded_here(failure: LmchatError) -> LmchatError:
    """Return a failure to show, whose hint names what can be typed in talk."""
    return LmchatError(failure.message, hint=worded(failure.advice, IN_TALK))
