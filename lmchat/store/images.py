"""The pictures of prompts, each kept once however often it is asked about."""

from hashlib import sha256

from lmchat.chat.characters import whole
from lmchat.chat.values import Image
from lmchat.store.database import Database


def attach(database: Database, turn: int, images: tuple[Image, ...]) -> None:
    """Keep the pictures of a turn (inside a transaction)."""
    for place, image in enumerate(images):
        digest = sha256(image.data).hexdigest()
        database.execute("INSERT OR IGNORE INTO image (hash, data) VALUES (?, ?)", (digest, image.data))
        database.execute(
            "INSERT INTO turn_image (turn, place, hash, name, media_type, width, height) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (turn, place, digest, whole(image.name), whole(image.media_type), image.width, image.height),
        )


def images_of(database: Database, turn: int) -> tuple[Image, ...]:
    """Return the pictures of a turn, in their order."""
    rows = database.rows(
        "SELECT name, media_type, data, width, height FROM turn_image JOIN image USING (hash)"
        " WHERE turn = ? ORDER BY place",
        (turn,),
    )
    return tuple(Image(*row) for row in rows)


def forget_unused(database: Database, hashes: set[str]) -> None:
    """Remove those of these pictures that no turn uses any more (inside a transaction)."""
    for digest in hashes:
        database.execute(
            "DELETE FROM image WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM turn_image WHERE hash = image.hash)",
            (digest,),
        )
