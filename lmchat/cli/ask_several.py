"""`lmchat ask -m A -m B`: the same prompt to each model in turn, from the same turn of the tree."""

from dataclasses import replace

from lmchat.app.conversation import Conversation
from lmchat.app.display import theme_of
from lmchat.app.invocation import Invocation
from lmchat.app.sessions import moved_to
from lmchat.chat.session import Session
from lmchat.chat.values import Prompt
from lmchat.cli.asking import asked, document, ended
from lmchat.errors import ExitStatus, LmchatError
from lmchat.render.failures import show_failure
from lmchat.render.json_output import Document, error_document, write_document
from lmchat.render.sanitize import sanitize_line


def ask_several(person: Invocation, conversation: Conversation, session: Session, prompt: Prompt) -> ExitStatus:
    """Ask every model and show each reply under its key; the replies are siblings, and the last is the head.

    A model that fails does not keep the others from being asked: the worst exit code is returned. Ctrl-C ends it all.
    In JSON it is one list of what a single `ask` gives, with an `error` for a model that failed.
    """
    flags, stdout = conversation.flags, conversation.world.stdout
    start = session.head if flags.at is None else moved_to(session, flags.at).head
    worst, documents = ExitStatus.OK, list[Document]()
    for place, model in enumerate(conversation.meant_by(flags.models)):
        if not (flags.as_json or flags.as_jsonl):
            stdout.write(("\n" if place else "") + _heading(person, model))
            stdout.flush()
        session = replace(session, model=model)
        try:
            exchange = asked(conversation, session, prompt, growing=replace(session, head=start))
            session = exchange.session
            if exchange.failure is not None:
                raise exchange.failure
        except LmchatError as error:
            worst = max(worst, error.status)
            documents.append({"model": model} | error_document(error))
            if flags.as_jsonl:
                write_document(stdout, {"type": "lmchat.error"} | documents[-1])
            elif not flags.as_json:
                show_failure(person.world, error)
            continue
        documents.append(document(exchange, private=flags.private))
        worst = max(worst, ended(person, conversation, exchange))
        if worst is ExitStatus.INTERRUPTED:
            break
    if flags.as_json and not flags.as_jsonl:
        write_document(stdout, documents)
    return worst


def _heading(person: Invocation, model: str) -> str:
    """Return the line above a reply, which in a pipe is a heading of Markdown."""
    if not person.world.stdout.isatty():
        return f"# {model}\n\n"
    theme = theme_of(person)
    return f"{theme.styled(sanitize_line(model), theme.styles.headings[1])}\n"
