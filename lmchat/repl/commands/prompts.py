"""The person's own prompts as commands: `prompts/commit.md` is `/commit`; lmchat's own commands win over them."""

from collections.abc import Collection
from functools import partial

from lmchat.chat.values import Prompt
from lmchat.dataclass import replace
from lmchat.errors import SettingsError
from lmchat.repl.commands.command import Command
from lmchat.repl.models import with_model
from lmchat.repl.offers import file
from lmchat.repl.state import ReplState
from lmchat.repl.turns import ask
from lmchat.settings.prompts import Kind, filled_in, name_of, prompt_names, read_all, read_prompt


def prompt_commands(state: ReplState, taken: Collection[str]) -> tuple[Command, ...]:
    """Return a command for each prompt, as they are on disk now, but for those whose names are `taken`."""
    commands = []
    for each in read_all(state.conversation.settings.path, Kind.PROMPT):
        if isinstance(each, SettingsError):
            continue
        if each.name not in taken:
            commands.append(_command(each.name, each.about))
    return tuple(commands)


def prompt_command(state: ReplState, name: str) -> Command | None:
    """Return the command of a prompt, whatever is wrong with it: running it says so. None where there is no prompt."""
    wanted = name_of(name)
    return _command(wanted, "") if wanted in prompt_names(state.conversation.settings.path, Kind.PROMPT) else None


def say_hidden(state: ReplState, taken: Collection[str]) -> None:
    """Say which prompts are no commands, since lmchat has some of their names."""
    hidden = [name for name in prompt_names(state.conversation.settings.path, Kind.PROMPT) if name in taken]
    if hidden:
        names = ", ".join(f"/{name}" for name in hidden)
        state.say(f"Commands of lmchat's own win over prompts: {names}. `lmchat ask -p {hidden[0]}` asks the prompt.")


def _command(name: str, about: str) -> Command:
    return Command(name, "[TEXT]", about, partial(_asked, name), file, more="It is a prompt of your own.")


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
