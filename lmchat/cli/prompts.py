"""Put a prompt together from words, standard input, files, and a prompt of the person's own."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from threading import Timer
from typing import TextIO

from lmchat.app.attachments import STDIN, files_named, quoted_file, said
from lmchat.app.invocation import ChatFlags, Invocation
from lmchat.chat.session import Session
from lmchat.dataclass import replace
from lmchat.errors import BadUseError
from lmchat.settings import settings_path
from lmchat.settings.prompts import Kind, PromptFile, filled_in, read_prompt
from lmchat.world import LARGEST_PROMPT, within

STDIN_PATIENCE = 3.0
"""Seconds to wait for the end of a pipe before saying what is waited for."""

_INPUT = "Standard input"


def prompt_text(invocation: Invocation, words: Sequence[str], flags: ChatFlags) -> str:
    """Join the words, the files' contents and standard input; raise BadUseError where nothing is left to ask.

    Standard input is the prompt when there are no words, and follows them, one blank line between, when there is
    something in it. A pipe or a file is read to its end, however long that takes; anything else only for `-`.
    """
    asked, given = asked_and_given(invocation, words, flags)
    text = "\n\n".join(part for part in (asked, given) if part)
    if not text.strip():
        raise BadUseError("There is no prompt.", hint='Give one: lmchat ask "What is a monad?"')
    return text


def asked_and_given(invocation: Invocation, words: Sequence[str], flags: ChatFlags) -> tuple[str, str]:
    """Return the words, and the files' contents and standard input, each of which may be empty."""
    files, words = _files_among(words, flags.files)
    asked = " ".join(word for word in words if word != "-").strip()
    # Of one pipe there is a picture or a text.
    piped = "" if STDIN in flags.images else read_stdin(invocation, flags, explicit="-" in words)
    parts = [
        *(quoted_file(path, invocation.say, flags.encoding) for path in (files_named(files) if files else ())),
        piped,
    ]
    return asked, "\n\n".join(part for part in parts if part)


def read_stdin(invocation: Invocation, flags: ChatFlags, *, explicit: bool = False) -> str:
    """Read standard input to its end as text; nothing where it is neither a pipe nor a file, and was not asked for."""
    world = invocation.world
    if not explicit and (not flags.stdin or not sends(world.stdin)):
        return ""
    waiting = Timer(STDIN_PATIENCE, invocation.say, [_waiting_for(explicit=explicit)])
    waiting.daemon = True
    if not world.stdin.isatty():
        waiting.start()
    try:
        data = _read(world.stdin)
    finally:
        waiting.cancel()
    if not data:
        return ""
    from lmchat.decoding import Decoded, decode

    read = decode(data, _INPUT, flags.encoding) if isinstance(data, bytes) else Decoded(data)
    return said(read, invocation.say).rstrip("\r\n")


def _files_among(words: Sequence[str], files: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return the files to quote, and the words that are left: after `-f a.md`, a shell writes `b*.md` as words."""
    if not files:
        return [], list(words)
    # pathlib's own raises where a word, such as a whole question, is too long for a name.
    named = [Path(word) for word in words if word != "-" and os.path.isfile(word)]  # noqa: PTH113 - as above
    return [*files, *named], [word for word in words if Path(word) not in named]


def _waiting_for(*, explicit: bool) -> str:
    way_on = "" if explicit else " --no-stdin asks without it;"
    return f"lmchat: waiting for standard input to end;{way_on} Ctrl-C leaves."


def sends(stream: TextIO) -> bool:
    """Tell whether a stream is a pipe, a socket or a file: whatever else there is (a device, nothing) is left alone."""
    if stream.isatty():
        return False
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return True
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISREG(mode)


def _read(stream: TextIO) -> bytes | str:
    """Read the bytes of a stream to their end; the text of one that has none."""
    buffer = getattr(stream, "buffer", None)
    try:
        if buffer is None:
            return within(stream.read, _INPUT, LARGEST_PROMPT)
        return bytes(within(buffer.read, _INPUT, LARGEST_PROMPT))
    except OSError as error:
        raise BadUseError(f"{_INPUT} cannot be read: {error.strerror or error}.") from None


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
