"""One turn in the REPL: what was typed and attached goes out, the reply is shown, and the state is put in order."""

from itertools import takewhile

from lmchat.app.display import remarks, view_for
from lmchat.chat.exchange import Exchange
from lmchat.chat.session import Outcome, Session
from lmchat.chat.values import Prompt
from lmchat.dataclass import replace
from lmchat.errors import LmchatError
from lmchat.render.notes import counted
from lmchat.repl.attaching import prompt_of
from lmchat.repl.attention import at_work, call_back
from lmchat.repl.line import literal
from lmchat.repl.models import with_model
from lmchat.repl.state import ReplState

GO_ON = "Please go on exactly where your last reply was cut short; repeat nothing."
SUMMARISE = (
    "Write a summary of our conversation so far. It will stand in place of the conversation, so keep every decision, "
    "fact, name, number and piece of code that still matters, what I want, and what is open. Write only the summary."
)


def ask_typed(state: ReplState, line: str) -> ReplState:
    """Ask what was typed, with what is attached and what it mentions; raise BadUseError where that cannot be sent."""
    prompt = prompt_of(state, line)
    growing = None
    if state.editing is not None:
        session = state.current().session
        growing = session.moved(session.turn(state.editing).parent)
    asked = ask(state, prompt, growing=growing)
    if asked.draft:  # it failed: everything lies ready to be sent again
        return replace(asked, draft=line, images=state.images, files=state.files, editing=state.editing)
    return replace(asked, images=(), files=(), editing=None)


def ask(
    state: ReplState,
    prompt: Prompt,
    *,
    growing: Session | None = None,
    summary: bool = False,
    once: Session | None = None,
) -> ReplState:
    """Ask a prompt and show the reply; where it fails, say why and leave the prompt in the input line.

    `growing` is the session with its head where the turn should grow; `once` has the model and options of this request
    where they are not the session's own. What came is kept in any case.
    """
    state = _told_of_others(with_model(state))
    now = state.conversation.world.monotonic
    began = now()
    with at_work(state):
        exchange = _shown(state, prompt, growing, summary=summary, once=once)
    state = replace(state, session=exchange.session, draft="")
    if exchange.turn.outcome is not Outcome.INTERRUPTED:
        call_back(state, now() - began)
    if state.context()[1] is None:
        state.known.refresh()  # the reply may have loaded the model
    if exchange.failure is None:
        for remark in remarks(state.conversation, exchange):
            state.say(remark)
        state = _warned(state)
    else:
        state.complain(exchange.failure)
    if exchange.turn.outcome is Outcome.INTERRUPTED:
        state = replace(state, stopped_at=state.conversation.world.monotonic())
    if exchange.failure is not None or exchange.turn.empty:
        state = replace(state, draft=literal(prompt.text))
    state.write("\n")
    return state


def _shown(
    state: ReplState, prompt: Prompt, growing: Session | None, *, summary: bool, once: Session | None
) -> Exchange:
    """Speak, and let what shows the turn know when it failed."""
    exchange: Exchange | None = None
    try:
        typed = state.keyboard.typed_ahead
        with view_for(state.conversation, state.context()[1], typed) as shown:
            exchange = state.conversation.speak(
                state.session, prompt, shown.show, growing=growing, summary=summary, once=once
            )
            if exchange.failure is not None:
                raise exchange.failure
    except LmchatError:
        if exchange is None:
            raise
    return exchange


def _told_of_others(state: ReplState) -> ReplState:
    """Follow what other programs added to the session meanwhile, and say so."""
    current, known = state.current(), state.session.head
    if current.session.head == known:
        return current
    added = [turn.id for turn in takewhile(lambda turn: turn.id != known, current.session.lineage())]
    if added and current.session.turns[added[-1]].parent == known:
        state.say(f"Another program added {counted(len(added), 'turn')} to this session; your prompt follows.")
    else:
        state.say(f"Another program moved this session to turn {current.session.head}; your prompt follows that.")
    return replace(current, warned=False)


def _warned(state: ReplState) -> ReplState:
    """Say once when the context is nearly full, and what can be done."""
    used, context = state.context()
    limit = state.conversation.settings.number("context_warning")
    if used is None or not context or limit is None or used / context < limit:
        return replace(state, warned=False)
    if not state.warned:
        state.say(
            f"{used / context:.0%} of the context is used. Go on (the server drops the oldest when it is full), "
            f"/compact to go on from a summary, or /fork {state.session.name}-2 to try elsewhere."
        )
    return replace(state, warned=True)
