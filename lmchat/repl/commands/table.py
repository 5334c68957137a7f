"""The one table of slash commands: from it come dispatch, `/help`, completion and README's rows."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from lmchat.advice import in_shell
from lmchat.chat.values import Prompt
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, LmchatError, SettingsError, nearest
from lmchat.render.text import sanitize_line
from lmchat.repl.commands import attachments, conversation, models, output, sessions, tree
from lmchat.repl.commands.command import (
    Command,
    Suggestion,
    nothing,
    offer_file,
    offer_files,
    offer_mentioned_files,
    one_word,
    unfinished_mention,
)
from lmchat.repl.commands.help import MEANT, OURS, Group, explained, key_rows, ordinary_slash, overview, whole_help
from lmchat.repl.line import BANG, SLASH, plain, slash_command
from lmchat.repl.matching import Offer, matching
from lmchat.repl.models import with_model
from lmchat.repl.state import ReplState
from lmchat.repl.turns import ask
from lmchat.settings.keys import OPTIONS
from lmchat.settings.prompts import Kind, filled_in, name_of, prompt_names, read_all, read_prompt

_ALL = "all"
_NONE: Mapping[str, Command] = {}


def show_help(state: ReplState, text: str) -> ReplState:
    """Name the commands in groups, or say more of one of them, of a group, or of all."""
    wanted = ordinary_slash(text).removeprefix("/").lower()
    own = _prompt_commands(state, BY_NAME)
    known = (*GROUPS, Group("Prompts", own)) if own else GROUPS
    groups = [group for group in known if wanted in {_ALL, group.title.lower()}]
    if not wanted:
        state.write(overview(state, known))
    elif groups and wanted not in BY_NAME:
        state.write(explained(state, groups))
    else:
        state.write(whole_help(state, command_named(wanted, {each.name: each for each in own})))
    return state


def show_keys(state: ReplState, text: str) -> ReplState:
    """List the keys."""
    nothing(text)
    state.write(key_rows(state))
    return state


def editor(state: ReplState, text: str) -> ReplState:
    """Write the next prompt in the person's editor; it is not sent yet."""
    return replace(state, draft=state.keyboard.edited(text))


def clear(state: ReplState, text: str) -> ReplState:
    """Clear the screen."""
    nothing(text)
    state.keyboard.clear()
    return state


def leave(state: ReplState, text: str) -> ReplState:
    """Leave."""
    nothing(text)
    return replace(state, left=True)


def _named(state: ReplState) -> Iterable[Offer]:
    return [*((each.name, each.help) for each in commands(state)), (_ALL, "Every command in a line.")]


GROUPS = (
    Group("Turns", (*tree.COMMANDS, *conversation.TURN_COMMANDS)),
    Group("Sessions", sessions.COMMANDS),
    Group("Models", models.COMMANDS),
    Group("Options", conversation.OPTION_COMMANDS),
    Group("Attachments", attachments.COMMANDS),
    Group("Replies", output.COMMANDS),
    Group(
        "Talk",
        (
            Command("help", "[command]", "Name the commands, or say more of one.", show_help, one_word(_named)),
            Command("keys", "", "List the keys.", show_keys),
            Command("editor", "[TEXT]", "Write the next prompt in your editor (also Ctrl-X Ctrl-E).", editor),
            Command("clear", "", "Clear the screen; /new begins a new conversation.", clear),
            Command("quit", "", "Leave (also Ctrl-D).", leave, aliases=("exit",)),
        ),
    ),
)
COMMANDS: tuple[Command, ...] = tuple(each for group in GROUPS for each in group.commands)
BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}


def commands(state: ReplState) -> tuple[Command, ...]:
    """Return all commands: lmchat's own, and the prompts of the person."""
    return (*COMMANDS, *_prompt_commands(state, BY_NAME))


def command_named(name: str, own: Mapping[str, Command] = _NONE) -> Command:
    """Find a command, one of `own`, or the one another program has that name for.

    Raise BadUseError, with what is near, for none.
    """
    wanted = name.lower()
    if found := BY_NAME.get(wanted) or own.get(wanted) or BY_NAME.get(OURS.get(wanted, "")):
        return found
    option = wanted.replace("-", "_")
    if option in OPTIONS:
        hint = f"Like this: /set {option} {OPTIONS[option].example}"
    else:
        hint = MEANT.get(wanted) or nearest(wanted, [*BY_NAME, *own])
    raise BadUseError(
        f"There is no command /{name}.", hint=hint or "/help lists them; //text sends text that begins with a slash."
    )


def command_in(text: str, state: ReplState | None = None) -> tuple[Command, str] | None:
    """Read a line as a command and what follows it, or return None for text that is to be sent.

    With a state, the prompts of the person are commands, too.

    Raise BadUseError for a command that does not exist, unless its word is a path that does.
    """
    if text.strip() in {"exit", "quit"}:
        return BY_NAME["quit"], ""
    found = slash_command(text)
    if found is None:
        return None
    word, arguments = found
    if word.lower() not in BY_NAME:
        if state is not None and (own := _prompt_command(state, word)):
            return own, arguments.strip()
        if _exists(f"/{word}"):
            return None
    prompts = {each.name: each for each in _prompt_commands(state, BY_NAME)} if state is not None else _NONE
    return command_named(word, prompts), arguments.strip()


def is_command(line: str, state: ReplState) -> bool:
    """Tell whether a line begins with a command that there is, or a prompt of the person."""
    found = slash_command(line)
    if found is None:
        return False
    return found[0].lower() in {*BY_NAME, *OURS} or _prompt_command(state, found[0]) is not None


def readme_rows() -> list[tuple[str, str]]:
    """Return what README's table says of each command: how it is written, and its help."""
    return [(each.written, each.help) for each in COMMANDS]


def _exists(word: str) -> bool:
    path = word.rstrip(".,:;!?")
    try:
        return path != "/" and Path(path).exists()
    except (OSError, ValueError):  # too long, or no path at all
        return False


def _prompt_commands(state: ReplState, taken: Collection[str]) -> tuple[Command, ...]:
    """Return a command for each prompt, as they are on disk now, but for those whose names are `taken`."""
    commands = []
    for each in read_all(state.conversation.settings.path, Kind.PROMPT):
        if isinstance(each, SettingsError):
            continue
        if each.name not in taken:
            commands.append(_command(each.name, each.about))
    return tuple(commands)


def _prompt_command(state: ReplState, name: str) -> Command | None:
    """Return the command of a prompt, whatever is wrong with it: running it says so. None where there is no prompt."""
    wanted = name_of(name)
    return _command(wanted, "") if wanted in prompt_names(state.conversation.settings.path, Kind.PROMPT) else None


def say_hidden(state: ReplState) -> None:
    """Say which prompts are no commands, since lmchat has some of their names."""
    hidden = [name for name in prompt_names(state.conversation.settings.path, Kind.PROMPT) if name in BY_NAME]
    if hidden:
        names = ", ".join(f"/{name}" for name in hidden)
        way = f"`lmchat ask -p {in_shell(hidden[0])}` asks the prompt."
        state.say(f"lmchat's own commands come before prompts of the same names: {names}. {way}")


def _command(name: str, about: str) -> Command:
    return Command(name, "[TEXT]", about, partial(_asked, name), offer_file, more="It is a prompt of your own.")


def _asked(name: str, state: ReplState, text: str) -> ReplState:
    """Ask a prompt with what was typed after its name; attached files are its input."""
    prompt = read_prompt(state.conversation.settings.path, Kind.PROMPT, name)
    text_given = "\n\n".join(file.text for file in state.files)
    if prompt.model and not state.model:
        state = state.talking_with(model=prompt.model)
    state = with_model(state)
    session = state.session
    once = replace(session, model=prompt.model or session.model, options=prompt.options.over(session.options))
    asked = ask(state, Prompt(filled_in(prompt, text, text_given), state.images), once=once)
    if asked.draft:  # what is in the line, to be changed and sent again, is the command
        return replace(asked, draft=f"/{name} {text}".rstrip())
    return replace(asked, images=(), files=())


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
            yield from offer_files(self._state, plain(before[1:]).lstrip())
            return
        if not before.startswith(tuple(SLASH)) or "\n" in before:
            written = unfinished_mention(before)
            yield from () if written is None else offer_mentioned_files(self._state, written)
            return
        name, blank, rest = ordinary_slash(plain(before))[1:].partition(" ")
        known = {**BY_NAME, **{each.name: each for each in _prompt_commands(self._state, BY_NAME)}}
        if not blank:
            for written, about in matching(name, ((each, command.help) for each, command in known.items())):
                yield Suggestion(f"/{written}", about, before)
        elif found := known.get(name.lower()):
            yield from found.offers(self._state, rest.lstrip())
