"""What the tests of the store need: a clock that ticks, turns that were asked, stores in a directory."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from lmchat.chat.session import UNNUMBERED, Outcome, Session, Turn, TurnId
from lmchat.chat.values import Image, Message, Prompt, Reply, ResponseId
from lmchat.dataclass import replace
from lmchat.store import FILE_NAME
from lmchat.store.store import Store, open_store

BEGINNING = datetime(2026, 4, 1, tzinfo=UTC)
SERVER = "http://localhost:1234"


def ticking() -> Callable[[], datetime]:
    """Make a clock that moves on by a second whenever it is looked at."""
    seconds = iter(range(1_000_000))
    return lambda: BEGINNING + timedelta(seconds=next(seconds))


def opened(directory: Path) -> Store:
    """Open a store with a clock that ticks."""
    return open_store(directory, now=ticking())


@cache
def _empty_file() -> bytes:
    with TemporaryDirectory() as directory:
        opened(Path(directory)).close()
        return (Path(directory) / FILE_NAME).read_bytes()


def fresh(directory: Path) -> Store:
    """Open a new store whose tables were made before, which takes a seventh of the time."""
    directory.mkdir(mode=0o700)
    (directory / FILE_NAME).write_bytes(_empty_file())
    return opened(directory)


def unasked(session: Session, text: str, *images: Image) -> Turn:
    """Make the turn that `talk` keeps before it sends anything."""
    return Turn(
        id=UNNUMBERED,
        parent=session.base,
        prompt=Prompt(text, images),
        reply=Reply(),
        outcome=Outcome.INTERRUPTED,
        server=SERVER,
        model="a/model",
        at=BEGINNING,
    )


def answered(turn: Turn, text: str) -> Turn:
    """Return the turn with a whole reply."""
    reply = Reply((Message(text),), ResponseId(f"resp_{turn.id}"), model_instance_id="a/model")
    return replace(turn, reply=reply, outcome=Outcome.COMPLETE)


def drafted(store: Store, session: Session, text: str, reply: str = "") -> Turn:
    """Begin a turn, and leave it there."""
    keep = store.keeper(session)
    turn = unasked(session, text)
    turn = replace(turn, id=keep(turn, done=False).id, reply=Reply((Message(reply),) if reply else ()))
    keep(turn, done=False)
    return turn


def asked(store: Store, session: Session, text: str, reply: str = "Yes.", *images: Image) -> Session:
    """Ask and answer one turn, and return the session after it."""
    keep = store.keeper(session)
    turn = unasked(session, text, *images)
    turn = replace(turn, id=keep(turn, done=False).id)
    kept = keep(answered(turn, reply), done=True)
    return session.moved(kept.head)


def numbers(session: Session) -> list[TurnId]:
    """Return the numbers on the way from the root to the head."""
    return [turn.id for turn in session.path()]


def small_store(directory: Path) -> Path:
    """Write a store with branches, a fork and a picture, and return its file."""
    directory.mkdir(exist_ok=True)
    (directory / FILE_NAME).write_bytes(_small_file())
    return directory / FILE_NAME


@cache
def _small_file() -> bytes:
    with TemporaryDirectory() as directory:
        with opened(Path(directory)) as store:
            session = asked(store, store.create("one"), "First", "青い空", Image("dog.png", "image/png", b"dog"))
            session = asked(store, session, "Second")
            asked(store, store.undo(session), "Third")
            store.fork(session, "two")
            asked(store, store.create("three"), "Elsewhere")
        return (Path(directory) / FILE_NAME).read_bytes()
