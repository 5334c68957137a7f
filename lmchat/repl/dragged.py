"""Files that are dragged into the terminal: it pastes their paths, quoted, with `\\ ` or as `file://…%20…`."""

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lmchat.app.attachments import is_picture
from lmchat.errors import BadUseError
from lmchat.repl.literal import begins_word, plain
from lmchat.repl.matching import among_several
from lmchat.repl.mentions import mentions
from lmchat.world import path_of

_LONGEST = 20_000
_FILE_URL = "file://"
_DRAGGED = re.compile(r"""\s*(?:file://|["'][/~A-Z]|[/~][^\s]*\\ |[/~].*[ \t]$)""")
"""How a path looks that was dragged, not copied: as a URL, quoted, escaped, or with a blank after it."""


def dragged(text: str) -> tuple[Path, ...]:
    """Return the files whose paths a text consists of, none where anything else is in it."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return ()
    lines = [line for line in text.splitlines() if line.strip()]
    readings = [[text], lines, _words(text)]
    return next((paths for reading in readings if (paths := _files(reading))), ())


def as_mentions(pasted: str, before: str) -> str:
    """Write dragged files as mentions, to be put into a line after `before`; empty where none were dragged.

    Pictures can mean nothing else. The path of a text file may have been copied to be talked about, so it must look
    dragged.
    """
    paths = dragged(pasted)
    if not paths or not (all(map(is_picture, paths)) or _DRAGGED.match(pasted)):
        return ""
    gap = "" if begins_word(before, len(before)) else " "
    return gap + "".join(f"@{among_several(str(path))} " for path in paths)


def attached_by(line: str) -> tuple[Path, ...]:
    """Return the files that a line attaches because it is nothing but their paths, none for a prompt.

    Pictures by any path or mention; other files by a whole path, since a word may be the name of a file by chance.
    """
    text = plain(line).strip()
    if paths := dragged(text):
        return paths if all(map(is_picture, paths)) or all(map(Path.is_absolute, paths)) else ()
    if "@" not in line and "＠" not in line:
        return ()
    found = mentions(line)
    rest = _without(line, [(mention.begins, mention.ends) for mention in found])
    pictures = tuple(path for mention in found for path in mention.files)
    return pictures if pictures and not rest.strip() and all(map(is_picture, pictures)) else ()


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, posix=os.sep != "\\")
    except ValueError:
        return []


def _files(written: Sequence[str]) -> tuple[Path, ...]:
    paths = tuple(_path(each.strip()) for each in written)
    return tuple(path for path in paths if path) if paths and all(paths) else ()


def _path(written: str) -> Path | None:
    """Return the file at a path or a URL, None where there is none."""
    if written[:1] in {'"', "'"} and written[-1:] == written[:1]:
        written = written[1:-1]
    if written.startswith(_FILE_URL):
        name = unquote(urlsplit(written).path)
        written = name.lstrip("/") if os.sep == "\\" else name
    try:
        path = path_of(written)
        return path if written and path.is_file() else None
    except (OSError, ValueError, BadUseError):
        return None


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    pieces, done = [], 0
    for begins, ends in spans:
        pieces.append(text[done:begins])
        done = ends
    return "".join([*pieces, text[done:]])
