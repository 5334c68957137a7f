"""One turn: what was typed and what is attached is sent, the reply is shown, and the state after it is returned.

Attached are pictures and text files, by commands, mentions and dragged paths. The person is notified after a
long reply where the window has no focus; its title shows that a reply runs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path

from lmchat.app.attachments import LARGEST_QUOTED, is_picture, picture, quoted_file
from lmchat.app.display import remarks, view_for
from lmchat.chat.exchange import Exchange
from lmchat.chat.models import require_sight
from lmchat.chat.session import Outcome, Session
from lmchat.chat.values import Image, Prompt
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, LmchatError
from lmchat.render.messages import called_back, reports_focus, title_of
from lmchat.render.notes import counted, size_words
from lmchat.repl.line import literal, mentions, sent
from lmchat.repl.state import Quoted, ReplState

GO_ON = "Please go on exactly where your last reply was cut short; repeat nothing."
SUMMARIZE = (
    "Write a summary of our conversation so far. It will replace the conversation, so keep every decision, "
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
    if asked.draft:  # it failed: all of it is put back, to be sent again
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
    if not state.session.model:
        from lmchat.repl.models import with_model

        state = with_model(state)
    state = _with_others_turns(state)
    now = state.conversation.world.monotonic
    began = now()
    with _at_work(state):
        exchange = _shown(state, prompt, growing, summary=summary, once=once)
    state = replace(state, session=exchange.session, draft="")
    if exchange.turn.outcome is not Outcome.INTERRUPTED:
        _call_back(state, now() - began)
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


def _with_others_turns(state: ReplState) -> ReplState:
    """Return the state with the turns that other programs have added to the session, and say so."""
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


_MOST_NAMED = 5


def with_pictures(state: ReplState, read: Sequence[tuple[Image, str]]) -> ReplState:
    """Attach pictures to the next prompt, and say what was changed in them and how to drop them."""
    for each, note in read:
        if note:
            state.say(note)
        state.say(f"{_described(each)} is sent with the next prompt; /image off drops it.")
    return replace(state, images=(*state.images, *(image for image, _ in read)))


def with_files(state: ReplState, paths: Sequence[Path]) -> ReplState:
    """Quote text files in the next prompt, and say how to drop them."""
    added = _quoted(state, paths)
    names, verb = ", ".join(each.name for each in added), "is" if len(added) == 1 else "are"
    state.say(f"{names} {verb} sent with the next prompt; /file off drops {'it' if len(added) == 1 else 'them'}.")
    return replace(state, files=(*state.files, *added))


def attach(state: ReplState, paths: Sequence[Path]) -> ReplState:
    """Attach files to the next prompt, each as what it is; raise BadUseError where the model does not see pictures."""
    pictured = [path for path in paths if is_picture(path)]
    if pictured:
        check_sight(state)
        state = with_pictures(state, [picture(path) for path in pictured])
    others = [path for path in paths if path not in pictured]
    return with_files(state, others) if others else state


def prompt_of(state: ReplState, line: str) -> Prompt:
    """Return the prompt of a line: its words, what is attached, and the files it mentions, which are named.

    Raise BadUseError for a mentioned file that is missing, is not text, or is a picture the model does not see.
    """
    found, included, left_out = mentions(line), list[str](), list[str]()
    named = [path for mention in found if not mention.pattern for path in mention.files]
    fitting = [path for mention in found if mention.pattern for path in mention.files]
    paths = list(dict.fromkeys([*named, *fitting]))
    read: list[tuple[Image, str]] = []
    files: list[Quoted] = []
    for path, name in zip(paths, _names(paths), strict=True):
        try:
            if is_picture(path):
                check_sight(state)
                read.append(picture(path))
                included.append(_described(read[-1][0]))
            else:
                files.append(_quoted_as(state, path, name))
                included.append(f"{name} ({size_words(path.stat().st_size)})")
        except BadUseError as error:
            if path in named:  # what only fits a pattern is left out instead
                raise
            left_out.append(f"{name} ({error.message.removesuffix('.')})")
        _check_size(files)
    notes = [note for _, note in read if note]
    said = [
        f"{what}: {_listed(names)}." for what, names in (("Sent with it", included), ("Left out", left_out)) if names
    ]
    for sentence in (*said, *notes):
        state.say(sentence)
    text = "\n\n".join(filter(None, [sent(line), *(file.text for file in (*state.files, *files))]))
    return Prompt(text, (*state.images, *(image for image, _ in read)))


def check_sight(state: ReplState) -> None:
    """Refuse pictures for a model that is known not to see; where nothing is known, the server decides."""
    models = state.known.now()
    if not models:
        with suppress(LmchatError):
            models = state.known.fetched()
    require_sight(models, state.model)


def _quoted(state: ReplState, paths: Sequence[Path]) -> list[Quoted]:
    added: list[Quoted] = []
    for path, name in zip(paths, _names(paths), strict=True):
        added.append(_quoted_as(state, path, name))
        _check_size(added)
    return added


def _quoted_as(state: ReplState, path: Path, name: str) -> Quoted:
    return Quoted(name, quoted_file(path, state.say, name=name))


def _names(paths: Sequence[Path]) -> list[str]:
    """Name files by their last part, and those that share it by their path."""
    shared = Counter(path.name for path in paths)
    return [path.name if shared[path.name] == 1 else str(path) for path in paths]


def _check_size(files: Sequence[Quoted]) -> None:
    if sum(len(file.text) for file in files) > LARGEST_QUOTED:
        raise BadUseError(
            f"These {len(files)} files are too large to be quoted together: they have more than "
            f"{LARGEST_QUOTED // (1024 * 1024)} MB.",
            hint="Name fewer.",
        )


def _listed(named: Sequence[str]) -> str:
    more = len(named) - _MOST_NAMED
    return ", ".join(named[:_MOST_NAMED]) + (f" and {counted(more, 'more file')}" if more > 0 else "")


def _described(image: Image) -> str:
    return f"{image.name} ({image.width} × {image.height}, {size_words(len(image.data))})"


@contextmanager
def _at_work(state: ReplState) -> Iterator[None]:
    """Show for a block that a reply runs, in the window's title, where lmchat sets one."""
    if state.titled:
        state.write(title_of(state.session.name, working=True))
    try:
        yield
    finally:
        if state.titled:
            state.write(title_of(state.session.name, working=False))


def _call_back(state: ReplState, seconds: float) -> None:
    """Notify the person after a reply that took so many seconds, if that is wanted and the window has no focus.

    Where a terminal does not report its focus, they are notified in any case.
    """
    settings, environ = state.conversation.settings, state.conversation.world.environ
    how = settings.text("notify")
    if how == "off" or seconds < (settings.number("notify_after") or 0):
        return
    name = state.session.name or "a private conversation"
    alert = called_back(environ, desktop=how == "desktop", title="lmchat", words=f"{name} has an answer")
    state.keyboard.typed_ahead()  # what the terminal reported of its focus is among the keys that wait
    focused = state.keyboard.focused
    if not (reports_focus(environ) if focused is None else focused):
        state.keyboard.terminal.alert(alert)
