"""What Tab offers: commands with their help, and after a command what its row in the table says."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from lmchat.errors import LmchatError
from lmchat.render.text import sanitize_line
from lmchat.repl.commands.elsewhere import ordinary_slash
from lmchat.repl.commands.prompts import prompt_commands
from lmchat.repl.commands.table import BY_NAME
from lmchat.repl.line import BANG, SLASH, plain, unfinished_mention
from lmchat.repl.matching import matching
from lmchat.repl.offers import Suggestion, mentioned_files, several_files
from lmchat.repl.state import ReplState


class Completions(Completer):
    """Completions of commands and their arguments in a state of the REPL."""

    def __init__(self, state: ReplState) -> None:
        self._state = state

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002 - the library hands it in
    ) -> Iterable[Completion]:
        """Offer what fits at the cursor; where it cannot be looked up, nothing: the command says what is wrong."""
        with suppress(LmchatError, OSError):
            for each in self._offered(document.text_before_cursor):
                yield Completion(
                    each.text,
                    start_position=-len(each.replaces),
                    display=sanitize_line(each.display or each.text),
                    display_meta=sanitize_line(each.about),
                )

    def _offered(self, before: str) -> Iterator[Suggestion]:
        if before.startswith(tuple(BANG)):
            yield from several_files(self._state, plain(before[1:]).lstrip())
            return
        if not before.startswith(tuple(SLASH)) or "\n" in before:
            written = unfinished_mention(before)
            yield from () if written is None else mentioned_files(self._state, written)
            return
        name, blank, rest = ordinary_slash(plain(before))[1:].partition(" ")
        known = {**BY_NAME, **{each.name: each for each in prompt_commands(self._state, BY_NAME)}}
        if not blank:
            for written, about in matching(name, ((each, command.help) for each, command in known.items())):
                yield Suggestion(f"/{written}", about, before)
        elif found := known.get(name.lower()):
            yield from found.offers(self._state, rest.lstrip())
