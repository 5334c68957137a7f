"""A whole conversation as one JSON document, and back: the same tree under the same numbers.

What is not understood in a document is refused.
"""

from base64 import b64decode, b64encode
from datetime import datetime
from hashlib import sha256
from typing import Any

from lmchat.chat.session import Outcome, Session, Turn, TurnId
from lmchat.chat.values import Image, Prompt, Reply, ResponseId, join_surrogates
from lmchat.dataclass import replace
from lmchat.errors import BadUseError
from lmchat.store.codec import (
    Members,
    first_words,
    integrations_json,
    integrations_value,
    items_json,
    items_value,
    options_value,
    stats_value,
)
from lmchat.store.database import Database, microseconds, moment
from lmchat.store.sessions import add, checked, exists, free, head_of, numbered
from lmchat.store.tree import reached
from lmchat.store.turns import Turns, insert, make_findable, turns_of

FORMAT, VERSION = "lmchat conversation", 1

_LARGEST = 1 << 53
"""What every reader of JSON takes for a whole number."""


def _document_json(session: Session, turns: list[Turn]) -> dict[str, Any]:
    """Turn a session and its turns, in the order of their numbers, into a document; it has each picture once."""
    images = {_digest(image): image for turn in turns for image in turn.prompt.images}
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": session.name,
        "head": session.head,
        "model": session.model,
        "system": session.system,
        "options": session.options.given(),
        "integrations": integrations_json(session.integrations),
        "turns": [_turn_json(turn) for turn in turns],
        "images": {digest: b64encode(image.data).decode("ascii") for digest, image in images.items()},
    }


def _document_value(value: object) -> Session:
    """Read a document: a session that sees its turns in a plain mapping, in the order of their numbers.

    Raise ValueError, which says where, for anything that is not as this version writes it.
    """
    members = Members(value, "the document")
    if members.take("format", str) != FORMAT:
        raise ValueError("it is not an exported conversation")
    if (version := members.take("version", int)) != VERSION:
        raise ValueError(f"it is of version {version}, and this lmchat reads version {VERSION}")
    images = _images_value(members)
    turns: dict[TurnId, Turn] = {}
    newest = 0
    for each in members.take("turns", list):
        turn = _turn_value(each, images)
        if turn.id <= newest:
            raise ValueError(f"turn {turn.id} is out of order")
        if turn.parent is not None and turn.parent not in turns:
            raise ValueError(f"turn {turn.id} follows turn {turn.parent}, which is not before it")
        turns[turn.id] = turn
        newest = turn.id
    session = Session(
        name=join_surrogates(members.text("name")),
        turns=turns,
        head=members.take("head", int, type(None)),
        model=members.text("model"),
        system=members.text("system"),
        options=options_value(members.take("options", dict), "'options'"),
        integrations=integrations_value(members.take("integrations", list)),
    )
    if session.head is not None and session.head not in turns:
        raise ValueError(f"its head is turn {session.head}, which it does not contain")
    members.end()
    return session


def _turn_json(turn: Turn) -> dict[str, Any]:
    return {
        "id": turn.id,
        "parent": turn.parent,
        "at": turn.at.isoformat(),
        "outcome": turn.outcome.value,
        "server": turn.server,
        "model": turn.model,
        "system": turn.system,
        "forgotten": turn.forgotten,
        "summary": turn.summary,
        "fault": turn.fault,
        "prompt": turn.prompt.text,
        "images": [_image_json(image) for image in turn.prompt.images],
        "items": items_json(turn.reply.items),
        "response_id": turn.reply.response_id,
        "stats": turn.reply.stats.given(),
        "model_instance_id": turn.reply.model_instance_id,
    }


def _turn_value(value: object, images: dict[str, bytes]) -> Turn:
    members = Members(value, "a turn")
    number = TurnId(_whole(members, "id"))
    members.where = f"turn {number}"
    response_id = members.take("response_id", str, type(None))
    turn = Turn(
        id=number,
        parent=members.take("parent", int, type(None)),
        at=_time(members),
        outcome=_outcome(members),
        server=members.text("server"),
        model=members.text("model"),
        system=members.text("system"),
        forgotten=members.take("forgotten", bool),
        summary=members.take("summary", bool),
        fault=members.text("fault"),
        prompt=Prompt(
            members.text("prompt"), tuple(_image_value(each, images) for each in members.take("images", list))
        ),
        reply=Reply(
            items=items_value(members.take("items", list), members.where),
            response_id=None if response_id is None else ResponseId(response_id),
            stats=stats_value(members.take("stats", dict), f"'stats' of {members.where}"),
            model_instance_id=members.text("model_instance_id"),
        ),
    )
    members.end()
    return turn


def _image_json(image: Image) -> dict[str, Any]:
    return {
        "name": image.name,
        "media_type": image.media_type,
        "width": image.width,
        "height": image.height,
        "sha256": _digest(image),
    }


def _image_value(value: object, images: dict[str, bytes]) -> Image:
    members = Members(value, "an image")
    digest = members.text("sha256")
    if digest not in images:
        raise ValueError(f"an image is missing ({digest[:64]})")
    width, height = _whole(members, "width", 0), _whole(members, "height", 0)
    image = Image(members.text("name"), members.text("media_type"), images[digest], width, height)
    members.end()
    return image


def _images_value(members: Members) -> dict[str, bytes]:
    """Read the pictures by their hashes."""
    images: dict[str, bytes] = {}
    for digest, text in members.take("images", dict).items():
        try:
            images[digest] = b64decode(text, validate=True)
        except (TypeError, ValueError):
            raise ValueError(f"an image cannot be read ({digest[:64]})") from None
        if sha256(images[digest]).hexdigest() != digest:
            raise ValueError(f"an image was changed ({digest[:64]})")
    return images


def _digest(image: Image) -> str:
    return sha256(image.data).hexdigest()


def _whole(members: Members, name: str, least: int = 1) -> int:
    number = members.take(name, int)
    if not least <= number <= _LARGEST:
        raise ValueError(f"'{name}' of {members.where} is out of range")
    return int(number)


def _time(members: Members) -> datetime:
    text = members.text("at")
    try:
        at = datetime.fromisoformat(text)
        moment(microseconds(at))
    except (ValueError, TypeError):  # also one without a zone
        raise ValueError(f"'at' of {members.where} is not a time with its zone") from None
    return at


def _outcome(members: Members) -> Outcome:
    text = members.text("outcome")
    try:
        return Outcome(text)
    except ValueError:
        raise ValueError(f"'outcome' of {members.where} is unknown") from None


def export(database: Database, session: Session, *, branches: bool) -> dict[str, Any]:
    """Return a session as a document of JSON, with every turn it reaches, or those on the way to its head."""
    if not branches:
        return _document_json(session, list(session.path()))
    view = turns_of(session)
    head = head_of(database, view.session)
    wanted = reached(database, view.tree, view.session)
    turns = [view[number] for number in view if wanted is None or number in wanted]
    return _document_json(replace(session, head=head), turns)


def import_document(database: Database, value: object, name: str | None) -> Session:
    """Add the session a document contains, under its own name (numbered where that is taken) or another.

    Raise BadUseError, and change nothing, for a document that is not understood or a name that cannot be used.
    """
    try:
        imported = _document_value(value)
    except ValueError as error:
        raise BadUseError(f"This cannot be imported: {error}.", hint="Nothing was changed.") from None
    with database.write():
        if name is None:
            chosen = numbered(checked(imported.name), lambda each: exists(database, each))
        else:
            chosen = free(database, name)
        return add_whole(database, replace(imported, name=chosen))


def add_whole(database: Database, imported: Session) -> Session:
    """Add a session and all its turns, which are a plain mapping in the order of their numbers (inside a transaction).

    Its name must be free. It keeps its times: it was used last when its last turn was asked.
    """
    turns = tuple(imported.turns.values())
    tree = database.number("INSERT INTO tree (next) VALUES (?) RETURNING id", (turns[-1].id + 1 if turns else 1,))
    opening = first_words(turns[0].prompt.text) if turns else ""
    number = add(database, replace(imported, head=None), tree, opening)
    for turn in turns:
        make_findable(database, insert(database, tree, number, turn))
    times = [min(microseconds(turn.at), database.now()) for turn in turns]
    database.execute(
        "UPDATE session SET head = ?, created = coalesce(?, created), used = coalesce(?, used) WHERE id = ?",
        (imported.head, min(times, default=None), max(times, default=None), number),
    )
    return replace(imported, id=number, turns=Turns(database, tree, number))
