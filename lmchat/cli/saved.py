"""`ask -p`: a prompt of the person's own, filled in, with the model and the options it asks with."""

from collections.abc import Sequence
from dataclasses import replace

from lmchat.app.invocation import ChatFlags, Invocation
from lmchat.chat.session import Session
from lmchat.cli.prompts import asked_and_given, prompt_text
from lmchat.settings import settings_path
from lmchat.settings.prompts import Kind, PromptFile, filled_in, read_prompt


def saved_prompt(invocation: Invocation, flags: ChatFlags) -> PromptFile | None:
    """Read the prompt that the flags name; None where they name none."""
    if flags.saved is None:
        return None
    return read_prompt(settings_path(invocation.world), Kind.PROMPT, flags.saved)


def text_of(invocation: Invocation, saved: PromptFile | None, words: Sequence[str], flags: ChatFlags) -> str:
    """Return what is asked: the prompt with words, files and standard input where it wants them, else just these."""
    if saved is None:
        return prompt_text(invocation, words, flags)
    return filled_in(saved, *asked_and_given(invocation, words, flags))


def with_saved(session: Session, saved: PromptFile | None, flags: ChatFlags) -> Session:
    """Return the session with the model and options of a prompt; those of the command line are over them."""
    if saved is None:
        return session
    model = flags.model or saved.model or session.model
    return replace(session, model=model, options=flags.options.over(saved.options.over(session.options)))
