"""Bounds on what a server may send, so that memory stays small whatever comes.

A million tokens of text are about 5 MB, and the largest thing that an honest server sends is one event or answer that
repeats a whole reply, with what its tools returned.
"""

import zlib
from collections.abc import Iterable, Iterator

from lmchat.errors import StreamBrokenError

PIECE = 64 * 1024
"""Bytes that are decompressed at a time; no larger than what a socket gives at once."""

EVENT_LIMIT = 16 * 1024 * 1024
"""Bytes of one event of a stream, or of its lines and comments between two events."""

ANSWER_LIMIT = 16 * 1024 * 1024
"""Bytes of one JSON answer, after decompression."""

REFUSAL_LIMIT = 8 * 1024 * 1024
"""Bytes of an error's body that are read: the rest is not waited for, since the status says what it is."""

REPLY_LIMIT = 8 * 1024 * 1024
"""Characters of one reply, all its parts together: more than any model's context."""


def too_large(what: str, limit: int) -> StreamBrokenError:
    """Return the error for `what`, which is larger than `limit` (bytes or characters)."""
    return StreamBrokenError(
        f"The server sent {what} of more than {limit // (1024 * 1024)} MB.",
        hint="What came before it is kept. Check that the address is that of a model server.",
    )


def limited(chunks: Iterable[bytes], limit: int, what: str) -> Iterator[bytes]:
    """Yield chunks; raise StreamBrokenError where they are larger than `limit` together."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise too_large(what, limit)
        yield chunk


def decompressed(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield what was sent without its compression, in small pieces: a few bytes may stand for gigabytes.

    lmchat asks for no compression; gzip and deflate are read all the same. Raise StreamBrokenError for anything else.
    """
    match encoding.strip().lower():
        case "" | "identity":
            yield from chunks
        case "gzip" | "x-gzip" | "deflate":
            yield from _inflated(chunks)
        case _:
            raise StreamBrokenError(
                "The server compressed its answer in a way that lmchat did not ask for.",
                hint="A proxy on the way may do that; name the server itself with --url.",
            )


def _inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    decoder: zlib._Decompress | None = None
    try:
        for chunk in chunks:
            if decoder is None and chunk:
                # Some servers send deflate without the header of zlib.
                plain = chunk[0] & 0x0F == zlib.DEFLATED or chunk[0] == 0x1F
                decoder = zlib.decompressobj(zlib.MAX_WBITS | 32 if plain else -zlib.MAX_WBITS)
            rest = chunk
            while decoder is not None and rest and not decoder.eof:
                yield decoder.decompress(rest, PIECE)
                rest = decoder.unconsumed_tail
    except zlib.error as error:
        raise StreamBrokenError("The server sent compressed data that is damaged.", hint="Try again.") from error
