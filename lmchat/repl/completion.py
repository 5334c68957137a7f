"""What Tab offers: commands with their help, and what can stand behind each.

It looks at what is known: files and saved sessions on disk, models as they were fetched last, never the network.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from lmchat.chat.integrations import write_integration
from lmchat.chat.models import find_model
from lmchat.errors import LmchatError
from lmchat.render.cells import shorten
from lmchat.render.text import safe_line
from lmchat.repl.commands.command import Takes
from lmchat.repl.commands.options import OPTIONS
from lmchat.repl.commands.table import BY_NAME, COMMANDS
from lmchat.repl.desk import Desk
from lmchat.repl.matching import Offer, matching

_MOST_TURNS, _MOST_OFFERS = 200, 100
_WORDS_CELLS = 50


class Completions(Completer):
    """Complete commands and their arguments for what lies on the desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._files = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Offer what can stand at the cursor; where it cannot be looked up, nothing: the command says what is wrong."""
        with suppress(LmchatError, OSError):
            yield from self._offered(document, complete_event)

    def _offered(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        before = document.text_before_cursor
        if not before.startswith("/") or "\n" in before:
            return
        name, blank, rest = before[1:].partition(" ")
        if not blank:
            for written, said in matching(name, ((each.name, each.help) for each in COMMANDS)):
                yield _completion(f"/{written}", said, typed=before)
        elif found := BY_NAME.get(name.lower()):
            yield from self._arguments(found.takes, rest.lstrip(), complete_event)

    def _arguments(self, takes: Takes, typed: str, event: CompleteEvent) -> Iterator[Completion]:
        if takes in {Takes.FILE, Takes.SYSTEM} and (takes is Takes.FILE or typed.startswith("@")):
            path = typed.removeprefix("@") if takes is Takes.SYSTEM else typed
            yield from self._files.get_completions(Document(path), event)
            return
        last = typed if takes in {Takes.SESSION, Takes.MODEL, Takes.LOADED} else typed.rpartition(" ")[2]
        for written, said in matching(last, self._offers(takes, typed.split(" ")))[:_MOST_OFFERS]:
            yield _completion(written, said, typed=last)

    def _offers(self, takes: Takes, typed: list[str]) -> Iterable[Offer]:
        """Return what can stand behind a command; `typed` are the words there, the last one not whole."""
        match takes:
            case Takes.SESSION:
                return self._sessions()
            case Takes.MODEL | Takes.LOADED:
                return self._models(loaded=takes is Takes.LOADED)
            case Takes.RETRY:
                return self._retry(typed)
            case Takes.SET_OPTION if len(typed) > 1:
                return self._values(typed[0])
            case _:
                return self._words(takes) if len(typed) == 1 else ()

    def _words(self, takes: Takes) -> Iterable[Offer]:
        """Return the words that can stand alone behind a command."""
        session = self._desk.session
        match takes:
            case Takes.TURN:
                return self._turns()
            case Takes.SET_OPTION:
                return _options()
            case Takes.OPTION:
                return [(name, str(value)) for name, value in session.options.given().items()]
            case Takes.REASONING:
                return self._values("reasoning")
            case Takes.INTEGRATION:
                return [
                    ("off", "Use no tools."),
                    *((write_integration(each), "in use") for each in session.integrations),
                ]
            case Takes.COPY:
                return [("code", "A block of code of the last reply."), *self._turns()]
            case Takes.COMMAND:
                return [(each.name, each.help) for each in COMMANDS]
            case _:
                return ()

    def _sessions(self) -> Iterator[Offer]:
        for name in self._desk.parts.store.names():
            if name != self._desk.session.name:
                yield name, ""

    def _models(self, *, loaded: bool) -> Iterator[Offer]:
        for model in self._desk.known.now():
            said = "loaded" if model.instances else model.display_name
            if loaded:
                yield from ((copy.id, said) for copy in model.instances)
            elif model.chats:
                yield model.key, said

    def _turns(self) -> Iterator[Offer]:
        for turn in islice(self._desk.session.lineage(), _MOST_TURNS):
            yield str(turn.id), shorten(safe_line(turn.prompt.text[:200]), _WORDS_CELLS)

    def _values(self, option: str) -> Iterator[Offer]:
        if option == "reasoning":
            model = find_model(self._desk.known.now(), self._desk.model)
            for level in model.reasoning_options if model else ():
                yield level, "the model's own" if model and level == model.reasoning_default else ""
        elif key := OPTIONS.get(option):
            yield key.example, key.help

    def _retry(self, typed: list[str]) -> Iterator[Offer]:
        if typed[-2:-1] == ["--model"]:
            yield from self._models(loaded=False)
            return
        name, equals, _ = typed[-1].partition("=")
        if equals:
            yield from ((f"{name}={value}", said) for value, said in self._values(name))
            return
        yield "--model", "Ask another model."
        yield from ((f"{name}=", said) for name, said in _options())


def _options() -> Iterator[Offer]:
    return ((name, key.help) for name, key in OPTIONS.items())


def _completion(written: str, said: str, *, typed: str) -> Completion:
    return Completion(written, start_position=-len(typed), display=safe_line(written), display_meta=safe_line(said))
