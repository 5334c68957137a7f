"""What a shell asks while a command line is typed: `lmchat __complete KIND WORDS…`, the words those already typed.

Each line of the answer is a value, a tab and what it is. Whatever is broken, the answer is only shorter: nothing may
be printed into a half-typed line. It must not load what takes time, nor use the network but once: where a server's
models are not known at all, it is asked for them for a moment.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.chat.models import Model

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
    from lmchat.app.model_cache import chat_offers

    return chat_offers(_known(world, words))


def _loadable(world: World, words: Sequence[str]) -> Iterable[Offer]:
    from lmchat.app.model_cache import about

    return ((model.key, about(model)) for model in _known(world, words))


def _loaded(world: World, words: Sequence[str]) -> Iterable[Offer]:
    from lmchat.app.model_cache import instance_offers

    return instance_offers(_known(world, words))


def _levels(world: World, words: Sequence[str]) -> Iterable[Offer]:
    from lmchat.app.model_cache import level_offers

    return list(level_offers(_known(world, words))) or [(level, "") for level in _USUAL_LEVELS]


def _known(world: World, words: Sequence[str]) -> "list[Model]":
    """Return the models of the server that the line, or else the settings, would talk to."""
    from lmchat.app.invocation import BUILT_IN, usual_url
    from lmchat.app.model_cache import known_models
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
    from lmchat.app.quick_look import models_at

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
