"""One turn in the REPL: what was typed and attached goes out, the reply is shown, and the desk is put in order."""

from dataclasses import replace
from itertools import takewhile

from lmchat.chat.models import pick_model
from lmchat.chat.session import Session
from lmchat.chat.talk import Exchange
from lmchat.chat.values import Prompt
from lmchat.errors import LmchatError, NotFoundError
from lmchat.render.notes import counted
from lmchat.repl.state import ReplState

GO_ON = "Please go on exactly where your last reply was cut short; repeat nothing."
SUMMARISE = (
    "Write a summary of our conversation so far. It will stand in place of the conversation, so keep every decision, "
    "fact, name, number and piece of code that still matters, what I want, and what is open. Write only the summary."
)


def ask_typed(desk: ReplState, text: str) -> ReplState:
    """Ask what was typed, with what is attached."""
    prompt = Prompt("\n\n".join(filter(None, [text, *(file.text for file in desk.files)])), desk.images)
    growing = None
    if desk.editing is not None:
        session = desk.current().session
        growing = session.moved(session.turn(desk.editing).parent)
    asked = ask(desk, prompt, growing=growing)
    if asked.draft:  # it failed: everything lies ready to be sent again
        return replace(asked, draft=text, images=desk.images, files=desk.files, editing=desk.editing)
    return replace(asked, images=(), files=(), editing=None)


def ask(desk: ReplState, prompt: Prompt, *, growing: Session | None = None, summary: bool = False) -> ReplState:
    """Ask a prompt and show the reply; where it fails, say why and leave the prompt in the input line.

    `growing` is the session with its head where the turn should grow. What came is kept in any case.
    """
    desk = _told_of_others(with_model(desk))
    exchange = _shown(desk, prompt, growing, summary=summary)
    desk = replace(desk, session=exchange.session, draft="")
    if desk.context()[1] is None:
        desk.known.refresh()  # the reply may have loaded the model
    if exchange.failure is None:
        desk = _warned(desk)
    else:
        desk.complain(exchange.failure)
        desk = replace(desk, draft=prompt.text)
    desk.write("\n")
    return desk


def with_model(desk: ReplState) -> ReplState:
    """Return the desk with a model to talk to, chosen by the person where several could answer.

    Raise LmchatError where there is none.
    """
    if desk.session.model:
        return desk
    try:
        return replace(desk, session=desk.parts.with_model(desk.session))
    except NotFoundError:
        models = [model for model in desk.known.fetched() if model.chats]
        if len(models) <= 1 or pick_model(models) is not None:
            raise
        chosen = desk.keyboard.chosen("Which model?", [(model.key, model.display_name) for model in models])
        if chosen is None:
            raise
        return desk.talking_with(model=chosen)


def _shown(desk: ReplState, prompt: Prompt, growing: Session | None, *, summary: bool) -> Exchange:
    """Speak, and let what shows the turn know when it failed."""
    exchange: Exchange | None = None
    try:
        with desk.parts.shown(desk.context()[1]) as shown:
            exchange = desk.parts.speak(desk.session, prompt, shown.show, growing=growing, summary=summary)
            if exchange.failure is not None:
                raise exchange.failure
    except LmchatError:
        if exchange is None:
            raise
    return exchange


def _told_of_others(desk: ReplState) -> ReplState:
    """Follow what other programs added to the session meanwhile, and say so."""
    current, known = desk.current(), desk.session.head
    if current.session.head == known:
        return current
    added = [turn.id for turn in takewhile(lambda turn: turn.id != known, current.session.lineage())]
    if added and current.session.turns[added[-1]].parent == known:
        desk.say(f"Another program added {counted(len(added), 'turn')} to this session; your prompt follows.")
    else:
        desk.say(f"Another program moved this session to turn {current.session.head}; your prompt follows that.")
    return replace(current, warned=False)


def _warned(desk: ReplState) -> ReplState:
    """Say once when the context is nearly full, and what can be done."""
    used, context = desk.context()
    limit = desk.parts.settings.number("context_warning")
    if used is None or not context or limit is None or used / context < limit:
        return replace(desk, warned=False)
    if not desk.warned:
        desk.say(
            f"{used / context:.0%} of the context is used. Go on (the server drops the oldest when it is full), "
            "/compact to begin anew from a summary, or /fork NAME to try elsewhere."
        )
    return replace(desk, warned=True)
