"""Formulas: where one is, and how it is written in Unicode.

A formula is `$…$` by Pandoc's rule, `$$…$$`, `\\(…\\)` or `\\[…\\]`; nothing in it is Markdown.
"""

import re
from functools import lru_cache

_LONGEST = 2000  # characters of a formula in a text, so that one that is never closed costs little
_BODY = rf"(?:\\.|[^$\\]){{0,{_LONGEST}}}?"
_INNER = rf"(?:(?!\\[)\]]).){{1,{_LONGEST}}}?"
_COMMAND = r"(?=[^\\]|\\[A-Za-z{,;!|])"
FORMULA = re.compile(
    rf"(?<![\\$0-9A-Za-z])\$\$(?!\$)(?=\S|\s){_BODY}\$\$"
    rf"|(?<![\\$0-9A-Za-z])\$(?![$\s]){_BODY}(?<!\s)\$(?![$0-9A-Za-z])"
    rf"|\\\({_COMMAND}{_INNER}\\\)|\\\[{_COMMAND}{_INNER}\\\]",
    re.DOTALL,
)
_PRICE = re.compile(r"\$\d[\d.,]*(?:[kKmMbB]|bn)?(?:[ \n–—/-](?![^$]*[\\^_=+<>{])|\$$)")
_ONLY_NUMBER = re.compile(r"\$[\d.,]+\$$")
_OPENER = re.compile(r"(?<![\\$0-9A-Za-z])(\$\$?)(?=[^$\s])|\\([(\[])" + _COMMAND)
_LIKE_MATHS = re.compile(r"[\\^_{}=]")
_CLOSERS = {"$$": "$$", "$": "$", "(": "\\)", "[": "\\]"}
_DISPLAY = re.compile(r"\$\$(?!\$)|\\\[(?=\s*(?:$|\\begin\b)|.*\\\]\W*$)")
_DISPLAY_CLOSERS = {"$$": "$$", "\\[": "\\]"}


def display(text: str) -> tuple[str, str] | None:
    """Return the rest of a line that begins a display formula, and what will close it; None for any other line."""
    found = _DISPLAY.match(text)
    if not found:
        return None
    rest, closer = text[found.end() :], _DISPLAY_CLOSERS[found[0]]
    inside, closed, after = rest.partition(closer)
    # A formula that ends in its line belongs to the text there, unless only punctuation follows it.
    if closed and (not inside.strip() or re.search(r"[^\s.,;:。、，]", after)):
        return None
    return rest, closer


def until(text: str, closer: str) -> str | None:
    """Return what a line contains of a formula that ends in it, None if it continues."""
    inside, closed, after = text.partition(closer)
    return inside.rstrip() + after.strip() if closed else None


def is_price(formula: str) -> bool:
    """Tell whether what looks like a formula is an amount of dollars and the words up to the next one."""
    return bool(_PRICE.match(formula)) and not _ONLY_NUMBER.match(formula)


def unclosed(text: str, start: int, before: int) -> str:
    """Return what closes a formula that begins in `text[start:before]`, empty if it is probably not a formula."""
    for found in _OPENER.finditer(text, start, before):
        if FORMULA.match(text, found.start()):
            continue
        sign = found[1] or found[2]
        rest = text[found.end() :]
        if sign[0] == "$" and ("$" in rest or not _LIKE_MATHS.search(rest)):
            continue
        return "" if rest.isspace() else _CLOSERS[sign]
    return ""


_ROWS = re.compile(r"\\\\(?:\[[^\]\n]*\])?[ \t]*\n?|\n")
_LAYOUT = re.compile(r"\\(?:begin|end)\{(?:aligned|align|alignat|gather|gathered|split|equation|multline)\*?\}")
_CELLS = re.compile(
    r"\\begin\{(?P<name>[pbBvV]?(?:small)?matrix|cases|array)\*?\}(?:\{[^{}]*\})?(?P<cells>(?:(?!\\begin).)*?)"
    r"\\end\{(?P=name)\*?\}",
    re.DOTALL,
)
_AROUND = {"p": ("(", ")"), "b": ("[", "]"), "B": (r"\{", r"\}"), "v": ("|", "|"), "V": ("‖", "‖"), "c": (r"\{ ", "")}
_TABS = re.compile(r"[ \t]*(?<!\\)&[ \t]*")
_DELIMITED = re.compile(r"\$\$(.*)\$\$|\$(.*)\$|\\\((.*)\\\)|\\\[(.*)\\\]", re.DOTALL)
_PIECE = re.compile(r"\\(?:[A-Za-z]+\*?|.)|.", re.DOTALL)
_PLAIN = {
    "text", "textrm", "textbf", "textit", "mathrm", "mathbf", "mathit", "mathsf", "operatorname", "boldsymbol",
    "mbox",
}  # fmt: skip
_SIZES = {
    "left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "displaystyle", "limits",
    "nolimits",
}  # fmt: skip
_NAMES = {
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "log", "ln", "lg",
    "exp", "lim", "max", "min", "sup", "inf", "det", "dim", "ker", "gcd", "deg", "arg", "Pr", "mod", "limsup",
    "liminf",
}  # fmt: skip
_BLANKS = {",": " ", ";": " ", ":": " ", " ": " ", "!": "", "quad": "  ", "qquad": "    "}
_MOST_BRACES, _MOST_NESTED = 100, 5  # what is nested deeper stays TeX


def rows_of(source: str) -> list[str]:
    """Split a display formula into rows, without the commands of an environment that only aligns them."""
    aligned = _TABS.sub("&", _LAYOUT.sub("", _in_lines(source)))
    return [row.strip() for row in _ROWS.split(aligned) if row.strip()] or [""]


def _in_lines(source: str) -> str:
    """Return the source with matrices and cases on one line: `(1 2; 3 4)`."""

    def written(found: re.Match[str]) -> str:
        name = found["name"]
        before, after = _AROUND.get(name[0] if name != "smallmatrix" else "", ("", ""))
        between = ", " if name == "cases" else " "
        rows = (between.join(map(str.strip, row.split("&"))) for row in _ROWS.split(found["cells"]) if row.strip())
        return f"{before}{'; '.join(rows)}{after}"

    for _ in range(_MOST_NESTED):  # from the innermost out
        source, count = _CELLS.subn(written, source)
        if not count:
            break
    return source


def in_unicode(formula: str) -> str:
    """Return a formula without its delimiters, written in Unicode as far as possible."""
    found = _DELIMITED.fullmatch(formula)
    body = next((group for group in found.groups() if group is not None), formula) if found else formula
    return unicode_of(body.strip())


@lru_cache(maxsize=256)
def unicode_of(source: str) -> str:
    """Return TeX written in Unicode as far as possible."""
    if source.count("{") > _MOST_BRACES:
        return source
    pieces = _PIECE.findall(_in_lines(source))
    made = []
    position = 0
    while position < len(pieces):
        text, position = _atom(pieces, position)
        made.append(text)
    return "".join(made)


def _atom(pieces: list[str], at: int) -> tuple[str, int]:  # noqa: C901 - one case for each kind of piece
    """Convert what begins at a piece; return it and where the next begins."""
    if at >= len(pieces):
        return "", at
    piece, at = pieces[at], at + 1
    name = piece[1:]
    if piece == "{":
        return _group(pieces, at)
    if piece in "^_":
        return _script(piece, pieces, at)
    if piece == "&":
        return " ", at
    if piece[0] != "\\":
        return "−" if piece == "-" else piece, at
    if name in _BLANKS:
        return _BLANKS[name], at
    if name in _SIZES:
        return "", at + 1 if name in ("left", "right") and pieces[at : at + 1] == ["."] else at
    if name in _NAMES:
        return name, at
    if name in _PLAIN and pieces[at : at + 1] == ["{"]:
        return _braces(pieces, at)
    if name in ("frac", "dfrac", "tfrac"):
        above, at = _atom(pieces, _skipped(pieces, at))
        below, at = _atom(pieces, _skipped(pieces, at))
        return f"{_bracketed(above)}/{_bracketed(below)}", at
    if name == "sqrt":
        degree, at = _degree(pieces, at)
        below, at = _atom(pieces, _skipped(pieces, at))
        return f"{degree}√{_bracketed(below)}", at
    return _symbol(piece, pieces, at)


def _symbol(piece: str, pieces: list[str], at: int) -> tuple[str, int]:
    """Look up a command; one that Unicode lacks stays as it is, with its braces."""
    symbols, marks, _ = _tables()
    if pieces[at : at + 1] == ["{"]:
        inside, end = _braces(pieces, at)
        if found := symbols.get(f"{piece}{{{inside}}}"):
            return found, end
        if piece in marks and len(inside) == 1:
            return inside + marks[piece], end
        if piece not in symbols:
            kept = f"{piece}{{{inside}}}"
            while pieces[end : end + 1] == ["{"]:
                inside, end = _braces(pieces, end)
                kept += f"{{{inside}}}"
            return kept, end
    return symbols.get(piece, piece), at


def _degree(pieces: list[str], at: int) -> tuple[str, int]:
    """Read `[3]` after a root, in superscript characters if there are any."""
    end = at
    while pieces[at : at + 1] == ["["] and end < len(pieces):
        if pieces[end] == "]":
            text = "".join(pieces[at + 1 : end])
            raised = [_tables()[2].get(f"^{letter}") for letter in text]
            return "".join(filter(None, raised)) if all(raised) else f"[{text}]", end + 1
        end += 1
    return "", at


def _script(sign: str, pieces: list[str], at: int) -> tuple[str, int]:
    if at > 1 and pieces[at - 2] in "_^":  # not TeX: a name like __init__
        return sign, at
    grouped = pieces[at : at + 1] == ["{"]
    text, at = _atom(pieces, at)
    _, _, scripts = _tables()
    made = [scripts.get(sign + letter) for letter in text]
    if text and all(made):
        return "".join(filter(None, made)), at
    return sign + (f"({text})" if grouped and len(text) > 1 else text), at


def _group(pieces: list[str], at: int) -> tuple[str, int]:
    made = []
    while at < len(pieces) and pieces[at] != "}":
        text, at = _atom(pieces, at)
        made.append(text)
    return "".join(made), at + 1


def _braces(pieces: list[str], at: int) -> tuple[str, int]:
    """Return the source inside the braces that begin at a piece, and where the next piece is."""
    depth, begin = 0, at + 1
    while at < len(pieces):
        depth += (pieces[at] == "{") - (pieces[at] == "}")
        at += 1
        if not depth:
            break
    return "".join(pieces[begin : at - 1]), at


def _skipped(pieces: list[str], at: int) -> int:
    while at < len(pieces) and pieces[at].isspace():
        at += 1
    return at


def _bracketed(text: str) -> str:
    return text if text.isalnum() or len(text) == 1 else f"({text})"


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Load unicodeit's tables: symbols, accents, raised and lowered characters.

    Its `replace` also finds commands within longer ones (`\\le` in `\\left`), so only the tables are used.
    """
    from unicodeit.data import COMBININGMARKS, REPLACEMENTS, SUBSUPERSCRIPTS

    return {**dict(REPLACEMENTS), "\\dots": "…"}, dict(COMBININGMARKS), dict(SUBSUPERSCRIPTS)
