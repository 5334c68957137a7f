"""What to do about an error, as data: in a shell and in talk it is worded with the commands that people type there."""

import re
from collections.abc import Callable, Mapping
from enum import Enum, auto

from lmchat.dataclass import dataclass


class Action(Enum):
    """Something to do that has one command in a shell and another in talk."""

    ATTACH_PICTURE = auto()
    BEGIN_SESSION = auto()
    CHOOSE_MODEL = auto()
    CONTINUE = auto()
    DOWNLOAD_MODEL = auto()
    EXPORT_SESSION = auto()
    LIST_MODELS = auto()
    LIST_SESSIONS = auto()
    LOAD_MODEL = auto()
    RESTORE_SESSION = auto()
    SET_OPTION = auto()
    SHOW_TREE = auto()
    SWITCH_SESSION = auto()
    UNLOAD_MODEL = auto()
    UNSET_OPTION = auto()


@dataclass(frozen=True, slots=True)
class Do:
    """An action in a hint, with its object (empty: a placeholder)."""

    action: Action
    to: str = ""


Advice = str | tuple[str | Do, ...]
"""A sentence that says what to do, with the actions in it as data."""

Say = Callable[[Advice], None]
"""Writes one sentence for the person, beside the answer."""

Words = Mapping[Action, Callable[[str], str]]
"""How each action is worded, given its object (which may be empty)."""


def worded(advice: Advice, words: Words) -> str:
    """Return the sentence, with each action as people type it."""
    if isinstance(advice, str):
        return advice
    return "".join(part if isinstance(part, str) else f"`{words[part.action](part.to)}`" for part in advice)


def in_shell(word: str) -> str:
    """Return a word as it is typed in a shell: in quotes where it has blanks or characters that a shell obeys."""
    from shlex import quote

    if re.fullmatch(r"[\w@%+:,./-][\w@%+:,./=-]*", word):
        return word
    # Windows' shells know double quotes only; in them, others obey some characters all the same.
    return quote(word) if re.search(r'["$`\\!]', word) else f'"{word}"'


def _load(to: str) -> str:
    key, *options = re.split(r" (?=\w+=)", to or "KEY context_length=N")
    return " ".join(["lmchat models load", in_shell(key), *(_flag(option.replace("=", " ", 1)) for option in options)])


def _flag(to: str) -> str:
    name, blank, value = to.partition(" ")
    return f"--{name.replace('_', '-')}{blank}{value and in_shell(value)}"


def _restore(to: str) -> str:
    return f"lmchat sessions restore {in_shell(to or 'NAME')}"


COMMAND_LINE: Words = {
    Action.ATTACH_PICTURE: lambda to: f"--image {in_shell(to or 'FILE')}",
    Action.BEGIN_SESSION: lambda _to: 'lmchat ask "Hello"',
    Action.CHOOSE_MODEL: lambda to: f"--model {in_shell(to or 'KEY')}",
    Action.CONTINUE: lambda to: f'lmchat ask -s {in_shell(to or "NAME")} "Go on."',
    Action.DOWNLOAD_MODEL: lambda to: f"lmchat models download {in_shell(to or 'NAME')}",
    Action.EXPORT_SESSION: lambda to: f"lmchat sessions export {in_shell(to or 'NAME')} --json",
    Action.LIST_MODELS: lambda _to: "lmchat models",
    Action.LIST_SESSIONS: lambda _to: "lmchat sessions",
    Action.LOAD_MODEL: _load,
    Action.RESTORE_SESSION: _restore,
    Action.SET_OPTION: _flag,
    Action.SHOW_TREE: lambda to: f"lmchat sessions tree {in_shell(to or 'NAME')}",
    Action.SWITCH_SESSION: lambda to: f"lmchat talk {in_shell(to or 'NAME')}",
    Action.UNLOAD_MODEL: lambda to: f"lmchat models unload {in_shell(to or 'KEY')}",
    Action.UNSET_OPTION: _flag,
}
"""The names of the actions in a shell."""


def _set_in_talk(to: str) -> str:
    name, _, value = to.partition(" ")
    return f"/reasoning {value}".rstrip() if name == "reasoning" else f"/set {to or 'option value'}"


IN_TALK: Words = {
    Action.ATTACH_PICTURE: lambda to: f"/image {to or 'FILE'}",
    Action.BEGIN_SESSION: lambda _to: "/new",
    Action.CHOOSE_MODEL: lambda to: f"/model {to or 'KEY'}",
    Action.CONTINUE: lambda _to: "/continue",
    Action.DOWNLOAD_MODEL: lambda to: f"/download {to or 'NAME'}",
    Action.EXPORT_SESSION: lambda _to: "/export FILE.json",
    Action.LIST_MODELS: lambda _to: "/models",
    Action.LIST_SESSIONS: lambda _to: "/sessions",
    Action.LOAD_MODEL: lambda to: f"/load {to or 'KEY context_length=N'}",
    Action.RESTORE_SESSION: _restore,
    Action.SET_OPTION: _set_in_talk,
    Action.SHOW_TREE: lambda _to: "/tree",
    Action.SWITCH_SESSION: lambda to: f"/switch {to or 'NAME'}",
    Action.UNLOAD_MODEL: lambda to: f"/unload {to or 'KEY'}",
    Action.UNSET_OPTION: lambda to: f"/unset {to or 'option'}",
}
"""The names of the actions in talk."""
