"""Completion in shells: a script for each, and what it asks while a line is typed: `lmchat __complete KIND WORDS…`.

A script is the few lines of its shell with a table of the command line in their middle. `WORDS` are those already
typed; each line of the answer is a value, a tab and what it is. Whatever is broken, the answer is only shorter:
nothing may be printed into a half-typed line. It must not load what takes time, nor use the network but once: where a
server's models are not known at all, it is asked for them for a moment.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmchat.errors import BadUseError
from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.app.invocation import Invocation
    from lmchat.chat.models import Model

FILES = {"bash": "lmchat.bash", "zsh": "_lmchat", "fish": "lmchat.fish", "powershell": "lmchat.ps1"}
"""Under which name each script is in `completions/`."""

_TABLE = "@TABLE@\n"

LONGEST_ABOUT = 60
_USUAL_LEVELS = ("off", "low", "medium", "high", "on")

Offer = tuple[str, str]
"""A value, and what it is."""


def complete(world: World, arguments: Sequence[str]) -> int:
    """Write the values of the kind that the first argument names."""
    offers: Iterable[Offer] = ()
    if arguments and arguments[0] in _KINDS:
        try:
            offers = list(_KINDS[arguments[0]](world, arguments[1:]))
        except Exception:  # noqa: BLE001 - see above: a broken file, store or cache is reported elsewhere
            offers = ()
    world.stdout.write("".join(f"{value}\t{_line(about)}\n" for value, about in offers if value.isprintable()))
    return 0


def _sessions(world: World, _words: Sequence[str]) -> Iterable[Offer]:
    from lmchat.store.file import session_names

    return session_names(world.directories.data)


def _turns(world: World, words: Sequence[str]) -> Iterable[Offer]:
    """Offer the turns of the session that the line names, or of the last one where it says so."""
    from lmchat.store.file import session_names, turn_numbers

    directory = world.directories.data
    names = [name for name, _ in session_names(directory)]
    named = [word for word in words if word in names]
    if not named and {"-c", "--continue"} & set(words):
        named = names[:1]
    return turn_numbers(directory, named[-1]) if named else ()


def _models(world: World, words: Sequence[str]) -> Iterable[Offer]:
    from lmchat.chat.models import chat_offers

    return chat_offers(_known(world, words))


def _loadable(world: World, words: Sequence[str]) -> Iterable[Offer]:
    from lmchat.chat.models import about

    return ((model.key, about(model)) for model in _known(world, words))


def _loaded(world: World, words: Sequence[str]) -> Iterable[Offer]:
    from lmchat.chat.models import instance_offers

    return instance_offers(_known(world, words))


def _levels(world: World, words: Sequence[str]) -> Iterable[Offer]:
    from lmchat.chat.models import level_offers

    return list(level_offers(_known(world, words))) or [(level, "") for level in _USUAL_LEVELS]


def _known(world: World, words: Sequence[str]) -> "list[Model]":
    """Return the models of the server that the line, or else the settings, would talk to."""
    from lmchat.app.connect import known_models
    from lmchat.app.invocation import BUILT_IN, usual_url
    from lmchat.settings import read_settings
    from lmchat.wire.address import Address

    settings = read_settings(world, flags={"url": _option(words, "--url")}, profile=_option(words, "--profile"))
    url = settings.text("url")
    if url == BUILT_IN:
        return known_models(world, [BUILT_IN])
    servers = [Address(url).url]
    others = [] if settings.is_set("url") else [*map(usual_url, settings.usual_ports()), BUILT_IN]
    known = known_models(world, [*servers, *others])
    if known:
        return known
    from lmchat.app.models import models_at

    return models_at(world, settings, url)


def _profiles(world: World, _words: Sequence[str]) -> Iterator[Offer]:
    for name, table in _document(world).get("profile", {}).items():
        yield name, str(table.get("url") or table.get("model") or "")


def _settings(world: World, _words: Sequence[str]) -> Iterator[Offer]:
    from lmchat.settings import KEYS

    yield from ((key.name, key.help) for key in KEYS)
    for name, _ in _profiles(world, ()):
        part = name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else f'"{name}"'
        yield from ((f"profile.{part}.{key.name}", key.help) for key in KEYS if key.in_profile)


def _values(world: World, words: Sequence[str]) -> Iterable[Offer]:
    """Offer the values of the setting that was typed last."""
    from lmchat.settings.keys import BY_NAME

    name = words[-1].rpartition(".")[2]
    match name:
        case "model":
            return _models(world, words)
        case "reasoning":
            return _levels(world, words)
        case "default_profile":
            return _profiles(world, words)
        case "url":
            from lmchat.app.invocation import BUILT_IN

            return [(BUILT_IN, "the built-in model")]
        case _:
            return ((choice, "") for choice in BY_NAME[name].shape.choices)


def _prompts(world: World, _words: Sequence[str]) -> Iterator[Offer]:
    yield from _own(world, "prompts", "")


def _roles(world: World, _words: Sequence[str]) -> Iterator[Offer]:
    yield from _own(world, "roles", ":")


def _own(world: World, kind: str, before: str) -> Iterator[Offer]:
    """Offer the prompts or roles of the person."""
    from lmchat.settings import settings_path
    from lmchat.settings.prompts import Kind, PromptFile, read_all

    found = read_all(settings_path(world), Kind(kind))
    return ((f"{before}{each.name}", each.about) for each in found if isinstance(each, PromptFile))


_KINDS: Mapping[str, Callable[[World, Sequence[str]], Iterable[Offer]]] = {
    "sessions": _sessions,
    "turns": _turns,
    "models": _models,
    "loadable": _loadable,
    "loaded": _loaded,
    "levels": _levels,
    "profiles": _profiles,
    "settings": _settings,
    "values": _values,
    "prompts": _prompts,
    "roles": _roles,
}


def _document(world: World) -> Mapping[str, Any]:
    """Read the settings file, however odd the settings in it."""
    from lmchat.settings import settings_path
    from lmchat.settings.file import file_text, parse_toml

    path = settings_path(world)
    return parse_toml(file_text(path) or "", path)


def _option(words: Sequence[str], name: str) -> str | None:
    """Return what an option was given on the line, None where it was not."""
    for place, word in enumerate(words):
        if word == name and place + 1 < len(words):
            return words[place + 1]
        if word.startswith(f"{name}="):
            return word.removeprefix(f"{name}=")
    return None


def _line(text: str) -> str:
    """Make a text short and harmless for a terminal."""
    if not text.isprintable():
        text = "".join(each if each.isprintable() else " " for each in text)
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_ABOUT else f"{line[: LONGEST_ABOUT - 1]}…"


_BY_METAVAR = {
    "NAME": "ask sessions",
    "OLD": "ask sessions",
    "KEY": "ask models",
    "KEY|INSTANCE": "ask loaded",
    "TURN": "ask turns",
    "LEVEL": "ask levels",
    "PROFILE": "ask profiles",
    "SETTING": "ask settings",
    "VALUE": "ask values",
    "URL": "words local",
    "FILE": "file",
    "TEXT|@FILE|:ROLE": "system",
    "PROMPT-NAME": "ask prompts",
}
_ANYWHERE = ("*",)
"""The place of options that may be anywhere in a line."""


def table(root: Any) -> str:
    """Describe the command line that `root`, the app's outermost command, can take."""
    return "".join(f"{line}\n" for line in [*_command((), root), *_help(("help",), root), *_anywhere(root)])


def _anywhere(root: Any) -> Iterator[str]:
    for parameter in root.params:
        yield from _parameter(_ANYWHERE, parameter)
    yield _row(_ANYWHERE, "flag", "--help", "", "Show this help.")


def _command(path: tuple[str, ...], command: Any) -> Iterator[str]:
    # Without a command, the options are those of `talk`.
    for parameter in command.params if path else command.commands["talk"].params:
        if path or parameter.param_type_name == "option":
            yield from _parameter(path, parameter)
    children = getattr(command, "commands", {})
    for name, child in children.items():
        yield _row(path, "command", name, "", child.get_short_help_str(80))
    for name, child in children.items():
        if (*path, name) != ("help",):
            yield from _command((*path, name), child)


def _help(path: tuple[str, ...], command: Any) -> Iterator[str]:
    """Let the names of commands follow `help`."""
    for name, child in getattr(command, "commands", {}).items():
        if name != "help":
            yield _row(path, "command", name, "", child.get_short_help_str(80))
            yield from _help((*path, name), child)


def _parameter(path: tuple[str, ...], parameter: Any) -> Iterator[str]:
    metavar = parameter.metavar or ""
    values = _values_of(path, metavar.rstrip("…"))
    if parameter.param_type_name == "argument":
        kind = "arguments" if parameter.nargs == -1 else "argument"
        yield _row(path, kind, metavar, values, parameter.help)
        return
    kind = "flag" if parameter.is_flag else "option"
    for name in (*parameter.opts, *parameter.secondary_opts):
        yield _row(path, kind, name, "" if kind == "flag" else values, parameter.help)


def _values_of(path: tuple[str, ...], metavar: str) -> str:
    if path == ("models", "load"):  # an embedding model can be loaded, but cannot chat
        return "ask loadable" if metavar == "KEY" else ""
    if "|" in metavar and metavar.replace("|", "").islower():
        return f"words {metavar.replace('|', ' ')}"
    return _BY_METAVAR.get(metavar, "")


def _row(path: tuple[str, ...], kind: str, name: str, values: str, help: str | None) -> str:  # noqa: A002 - its name
    cells = (" ".join(path), kind, name, values, help or "")
    return "|".join(" ".join(cell.replace("|", "/").split()) for cell in cells)


def script(shell: str, root: Any) -> str:
    """Return the script of a shell for the app's outermost command; raise KeyError for a shell there is none for."""
    lines = table(root)
    if shell == "fish":
        lines = lines.replace("\\", "\\\\").replace("'", "\\'")
    template = (Path(__file__).with_name("templates") / f"completion.{shell}").read_text(encoding="utf-8")
    return template.replace(_TABLE, lines)


def print_script(invocation: "Invocation", shell: str, root: Any) -> None:
    """Write the script to stdout; raise BadUseError for a shell there is none for."""
    if shell not in FILES:
        raise BadUseError(
            f"There is no completion for '{shell}'.", hint=f"There is completion for: {', '.join(FILES)}."
        )
    invocation.world.stdout.write(script(shell, root))
