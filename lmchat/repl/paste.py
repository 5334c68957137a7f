"""What is pasted: long text, folded to one sign on the line, and the paths of files that are dragged into the window.

So a pasted megabyte costs no more to draw and to edit than a word, and cannot be torn apart by accident. Terminals
paste the path of a dragged file quoted, with `\\ ` or as `file://…%20…`.
"""

import os
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

from lmchat.app.attachments import is_picture
from lmchat.errors import BadUseError
from lmchat.render.text import sanitize_line, shown_in_line
from lmchat.repl.line import begins_word, mentions, plain
from lmchat.repl.matching import among_several
from lmchat.world import path_of

LONGEST_UNFOLDED = 10_000
_FIRST_SIGN = 0x10F000  # private use: no text that people write has them
_MOST_SIGNS = 4096
_SHOWN_ENDS = 30


class Folds:
    """The texts that signs in the line represent."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._signs: dict[str, str] = {}

    def fold(self, text: str) -> str:
        """Return a sign for a long text, a short text as it is."""
        if len(text) <= LONGEST_UNFOLDED or len(self._texts) >= _MOST_SIGNS:
            return text
        text = self.whole(text)
        if text not in self._signs:
            sign = chr(_FIRST_SIGN + len(self._texts))
            self._signs[text], self._texts[sign] = sign, text
        return self._signs[text]

    def whole(self, text: str) -> str:
        """Return a text with its signs replaced by what they represent."""
        if text.isascii():
            return text
        for sign in self._texts.keys() & set(text):
            text = text.replace(sign, self._texts[sign])
        return text

    def shown(self, character: str) -> str:
        """Return what is shown for a character: a summary for a sign."""
        text = self._texts.get(character)
        if text is None:
            return shown_in_line(plain(character))
        text = plain(text)
        lines = f"{text.count(chr(10)) + 1:,} lines, " if "\n" in text else ""
        begins, ends = sanitize_line(text[:_SHOWN_ENDS]), sanitize_line(text[-_SHOWN_ENDS:])
        return f"[{begins} … {ends}: {lines}{len(text):,} characters]"


class Unfolding(Processor):
    """A processor that shows summaries in place of the signs, and tabs as blanks."""

    def __init__(self, shown: Callable[[str], str], tab: int = 4) -> None:
        self._shown = shown
        self._tab = tab

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Widen the signs and tabs of one line."""
        fragments = transformation_input.fragments
        text = "".join(fragment[1] for fragment in fragments)
        if text.isascii() and "\t" not in text:
            return Transformation(fragments)
        starts, written, place = [], [], 0
        for style, piece, *_ in fragments:
            for character in piece:
                shown = self._widened(character, place)
                starts.append(place)
                written.append((style, shown))
                place += len(shown)
        if "".join(shown for _, shown in written) == text:
            return Transformation(fragments)
        starts.append(place)
        return Transformation(
            [(style, shown) for style, shown in written],
            source_to_display=lambda at: starts[min(at, len(starts) - 1)] + max(at - len(starts) + 1, 0),
            display_to_source=lambda at: max(sum(1 for start in starts if start <= at) - 1, 0),
        )

    def _widened(self, character: str, place: int) -> str:
        return " " * (self._tab - place % self._tab) if character == "\t" else self._shown(character)


_LONGEST = 20_000
_FILE_URL = "file://"
_DRAGGED = re.compile(r"""\s*(?:file://|["'][/~A-Z]|[/~][^\s]*\\ |[/~].*[ \t]$)""")
"""How a path looks that was dragged, not copied: as a URL, quoted, escaped, or with a blank after it."""


def dragged(text: str) -> tuple[Path, ...]:
    """Return the files whose paths a text consists of, none where anything else is in it."""
    text = text.strip()
    # Two slashes send one.
    if not text or text.startswith("//") or len(text) > _LONGEST:
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
