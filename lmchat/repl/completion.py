"""What Tab offers: commands with their help, and what can stand behind each.

It looks at what is known: files and saved sessions on disk, models as they were fetched last, never the network.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from lmchat.app.models import LOAD_OPTIONS
from lmchat.chat.integrations import write_integration
from lmchat.chat.models import find_model
from lmchat.errors import BadUseError, LmchatError
from lmchat.render.cells import shorten
from lmchat.render.sanitize import sanitize_line
from lmchat.repl.commands.command import DISPLAY_SETTINGS, Takes
from lmchat.repl.commands.output import code_blocks
from lmchat.repl.commands.table import BY_NAME, COMMANDS
from lmchat.repl.matching import Offer, among_several, fitting, last_of_several, matching
from lmchat.repl.state import ReplState
from lmchat.settings.keys import BY_NAME as SETTINGS
from lmchat.settings.keys import OPTIONS

_MOST_TURNS, _MOST_OFFERS = 200, 100
_WORDS_CELLS = 50
_SOME_LENGTH = "8192"


class Completions(Completer):
    """Completions of commands and their arguments in a state of the REPL."""

    def __init__(self, state: ReplState) -> None:
        self._state = state

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002 - the library hands it in
    ) -> Iterable[Completion]:
        """Offer what can stand at the cursor; where it cannot be looked up, nothing: the command says what is wrong."""
        with suppress(LmchatError, OSError):
            yield from self._offered(document)

    def _offered(self, document: Document) -> Iterator[Completion]:
        before = document.text_before_cursor
        if not before.startswith("/") or "\n" in before:
            return
        name, blank, rest = before[1:].partition(" ")
        if not blank:
            for written, said in matching(name, ((known, each.help) for known, each in BY_NAME.items())):
                yield _completion(f"/{written}", said, typed=before)
        elif found := BY_NAME.get(name.lower()):
            yield from self._arguments(found.takes, rest.lstrip())

    def _arguments(self, takes: Takes, typed: str) -> Iterator[Completion]:
        match takes:
            case Takes.FILE:
                yield from _files(typed)
            case Takes.SYSTEM:
                if typed.startswith("@"):
                    yield from _files(typed[1:])
            case Takes.ATTACHED:
                yield from self._attached(typed)
            case _:
                if takes is Takes.SET_OPTION:
                    typed = typed.replace("=", " ", 1)
                last = typed if takes in {Takes.SESSION, Takes.MODEL} else typed.rpartition(" ")[2]
                for written, said in matching(last, self._offers(takes, typed.split(" ")))[:_MOST_OFFERS]:
                    yield _completion(written, said, typed=last)

    def _attached(self, typed: str) -> Iterator[Completion]:
        """Offer a file as it stands, blanks and all, or one of several."""
        if (self._state.images or self._state.files) and "off".startswith(typed):
            yield _completion("off", "Drop what is attached.", typed=typed)
        if " " in typed and (whole := list(_files(typed, several=True))):
            yield from whole
        else:
            yield from _files(*last_of_several(typed), several=True)

    def _offers(self, takes: Takes, typed: list[str]) -> Iterable[Offer]:
        """Return what can stand behind a command; `typed` are the words there, the last one not whole."""
        match takes:
            case Takes.SESSION:
                return self._sessions()
            case Takes.MODEL:
                return self._models()
            case Takes.LOAD:
                return self._models() if len(typed) == 1 else _load_options(typed[-1])
            case Takes.COPY if typed[0] == "code" and len(typed) == 2:
                return self._blocks()
            case Takes.RETRY:
                return self._retry(typed)
            case Takes.SET_OPTION if len(typed) > 1:
                return self._values(typed[0])
            case _:
                return self._words(takes) if len(typed) == 1 else ()

    def _words(self, takes: Takes) -> Iterable[Offer]:
        """Return the words that can stand alone behind a command."""
        session = self._state.session
        match takes:
            case Takes.TURN:
                return self._turns()
            case Takes.SET_OPTION:
                return [*_options(), *((name, SETTINGS[name].help) for name in DISPLAY_SETTINGS)]
            case Takes.OPTION:
                system = (
                    [("system", shorten(sanitize_line(session.system[:200]), _WORDS_CELLS))] if session.system else []
                )
                return [*((name, str(value)) for name, value in session.options.given().items()), *system]
            case Takes.LOADED:
                return [*self._loaded(), ("--all", "Everything that is loaded.")]
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
        for name in self._state.conversation.store.names():
            if name != self._state.session.name:
                yield name, ""

    def _models(self) -> Iterator[Offer]:
        for model in self._state.known.now():
            if model.chats:
                yield model.key, "loaded" if model.instances else model.display_name

    def _loaded(self) -> Iterator[Offer]:
        for model in self._state.known.now():
            yield from ((copy.id, "loaded") for copy in model.instances)

    def _blocks(self) -> Iterator[Offer]:
        head = self._state.head
        for number, block in enumerate(code_blocks(head.reply.text) if head else (), 1):
            yield str(number), shorten(sanitize_line(block[:200].strip()), _WORDS_CELLS)

    def _turns(self) -> Iterator[Offer]:
        for turn in islice(self._state.session.lineage(), _MOST_TURNS):
            yield str(turn.id), shorten(sanitize_line(turn.prompt.text[:200]), _WORDS_CELLS)

    def _values(self, option: str) -> Iterator[Offer]:
        if option == "reasoning":
            model = find_model(self._state.known.now(), self._state.model)
            for level in model.reasoning_options if model else ():
                yield level, "the model's own" if model and level == model.reasoning_default else ""
        elif option in DISPLAY_SETTINGS:
            yield from ((choice, "") for choice in SETTINGS[option].shape.choices)
        elif key := OPTIONS.get(option):
            yield key.example, key.help

    def _retry(self, typed: list[str]) -> Iterator[Offer]:
        if typed[-2:-1] == ["--model"]:
            yield from self._models()
            return
        name, equals, _ = typed[-1].partition("=")
        if equals:
            yield from ((f"{name}={value}", said) for value, said in self._values(name))
            return
        yield "--model", "Ask another model."
        yield from ((f"{name}=", said) for name, said in _options())


def _options() -> Iterator[Offer]:
    return ((name, key.help) for name, key in OPTIONS.items())


def _load_options(typed: str) -> Iterator[Offer]:
    name, equals, _ = typed.partition("=")
    for option, shape in LOAD_OPTIONS.items():
        if not equals:
            yield f"{option}=", shape.expected
        elif option == name:
            yield from ((f"{name}={value}", "") for value in shape.choices or (_SOME_LENGTH,))


def _files(written: str, meant: str | None = None, *, several: bool = False) -> Iterator[Completion]:
    """Offer files for a path as it is written; `meant` is the path without its quotes."""
    with suppress(OSError, BadUseError):  # there is no such directory
        for path, size in fitting(written if meant is None else meant):
            display = path[path.rstrip("/").rfind("/") + 1 :]
            yield _completion(among_several(path) if several else path, size, typed=written, display=display)


def _completion(written: str, said: str, *, typed: str, display: str = "") -> Completion:
    shown = sanitize_line(display or written)
    return Completion(written, start_position=-len(typed), display=shown, display_meta=sanitize_line(said))
