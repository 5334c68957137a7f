"""Screens drawn as SVG: every run of characters is put at its own column, so that no font moves anything.

A picture needs nothing but itself: the fonts are those of whoever looks at it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

from tests.pictures.terminal import Cell, Rows

CELL, LINE, SIZE, PAD, BAR = 8.4, 18, 14, 14, 30
_BASE, _RULES = LINE - 4.5, "│─┼"
_FONTS = "ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono','Noto Sans Mono CJK JP',monospace"
_NAMES = ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white")


@dataclass(frozen=True)
class Palette:
    """The colours of a terminal: its own two, the line around it, and the sixteen that programs name."""

    behind: str
    text: str
    rule: str
    plain: Sequence[str]
    bright: Sequence[str]

    def colour(self, name: str) -> str:
        """Return a colour by its name on the screen."""
        named = {
            "default": self.text, "text": self.text, "behind": self.behind,
            **dict(zip(_NAMES, self.plain, strict=True)),
            **dict(zip((f"bright{each}" for each in _NAMES), self.bright, strict=True)),
        }  # fmt: skip
        return named.get(name, f"#{name}")


DARK = Palette(
    "#1e1e2e", "#d8dee9", "#3b3f51",
    ("#45475a", "#f38ba8", "#a6e3a1", "#f9e2af", "#89b4fa", "#cba6f7", "#89dceb", "#d8dee9"),
    ("#6c7086", "#f5a3b9", "#b9ebb5", "#fbeac3", "#a3c5fb", "#d7bcf9", "#a5e5f0", "#ffffff"),
)  # fmt: skip
LIGHT = Palette(
    "#ffffff", "#24292f", "#d0d7de",
    ("#24292f", "#cf222e", "#116329", "#7d4e00", "#0550ae", "#8250df", "#1b7c83", "#6e7781"),
    ("#57606a", "#a40e26", "#1a7f37", "#633c01", "#0969da", "#a475f9", "#3192aa", "#8c959f"),
)  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """One screen of a recording, the cursor on it (None: hidden), and the second it is shown from."""

    rows: Rows
    cursor: tuple[int, int] | None
    at: float


def picture(rows: Rows, title: str, palette: Palette) -> str:
    """Draw one screen; empty rows at its end are left out."""
    rows = _filled(rows)
    drawn = "".join(
        f'<g transform="translate(0,{place * LINE})">{_row(row, palette)}</g>' for place, row in enumerate(rows)
    )
    return _window(rows, title, palette, drawn)


def recording(frames: Sequence[Frame], length: float, title: str, palette: Palette) -> str:
    """Draw a recording that plays again and again; each row that is the same in several frames is drawn once."""
    numbers: dict[str, int] = {}
    shown = []
    for place, frame in enumerate(frames):
        until = frames[place + 1].at if place + 1 < len(frames) else length
        uses = []
        for line, row in enumerate(frame.rows):
            if drawn := _row(row, palette):
                number = numbers.setdefault(drawn, len(numbers))
                uses.append(f'<use href="#r{number}" y="{line * LINE}"/>')
        if frame.cursor:
            column, line = frame.cursor
            uses.append(
                f'<rect x="{column * CELL:.1f}" y="{line * LINE}" width="{CELL}" height="{LINE}"'
                f' fill="{palette.text}" fill-opacity=".6"/>'
            )
        shown.append(f'<g visibility="hidden">{"".join(uses)}{_timing(frame.at, until, length)}</g>')
    defined = "".join(f'<g id="r{number}">{drawn}</g>' for drawn, number in numbers.items())
    return _window(frames[0].rows, title, palette, f"<defs>{defined}</defs>{''.join(shown)}")


def _timing(begin: float, end: float, length: float) -> str:
    """Make a frame visible from one second to another of each round."""
    moments = {0.0: "hidden", begin / length: "visible"}
    if end < length:
        moments[end / length] = "hidden"
    times, values = (";".join(each) for each in ((f"{at:.4f}" for at in moments), moments.values()))
    return (
        f'<animate attributeName="visibility" calcMode="discrete" dur="{length:.1f}s" repeatCount="indefinite"'
        f' keyTimes="{times}" values="{values}"/>'
    )


def _window(rows: Rows, title: str, palette: Palette, drawn: str) -> str:
    columns = max(sum(1 + cell.wide for cell in row) for row in rows)
    width, height = columns * CELL + 2 * PAD, len(rows) * LINE + BAR + 2 * PAD - 8
    dots = "".join(f'<circle cx="{18 + 16 * at}" cy="{BAR / 2}" r="4.5" fill="{palette.rule}"/>' for at in range(3))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
        f' role="img" aria-label="{escape(title)}" font-family="{_FONTS}" font-size="{SIZE}" xml:space="preserve">'
        f'<rect x=".5" y=".5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="8" fill="{palette.behind}"'
        f' stroke="{palette.rule}"/>{dots}'
        f'<text x="{width / 2:.0f}" y="{BAR / 2 + 4}" text-anchor="middle" font-size="12" fill="{palette.text}"'
        f' fill-opacity=".6">{escape(title)}</text>'
        f'<g transform="translate({PAD},{BAR + 4})">{drawn}</g></svg>\n'
    )


def _filled(rows: Rows) -> Rows:
    seen = [any(cell.text.strip() or cell.bg != "default" for cell in row) for row in rows]
    return rows[: max((at for at, filled in enumerate(seen, 1) if filled), default=1)]


def _row(row: Sequence[Cell], palette: Palette) -> str:
    """Draw one row at the top of the screen; nothing for an empty one."""
    parts, column = [], 0
    for (look, behind, wide, rule), run in groupby(
        row, key=lambda cell: (_look(cell, palette), cell.bg, cell.wide, cell.text in _RULES)
    ):
        cells = list(run)
        step = 2 if wide else 1
        text = "".join(cell.text for cell in cells)
        if behind != "default":
            width = len(cells) * step * CELL
            fill = palette.colour(behind)
            parts.append(f'<rect x="{column * CELL:.1f}" y="0" width="{width:.1f}" height="{LINE}" fill="{fill}"/>')
        begin = column + len(text) - len(text.lstrip(" ")) if not wide else column
        if rule:
            parts.append(_rule(text, column, look))
        elif wide:
            each = (
                f'<tspan x="{(column + 2 * at) * CELL:.1f}">{escape(cell.text)}</tspan>'
                for at, cell in enumerate(cells)
            )
            parts.append(f'<text y="{_BASE}" {look}>{"".join(each)}</text>')
        elif shown := text.strip(" "):
            fitted = f' textLength="{len(shown) * CELL:.1f}"' if len(shown) > 1 else ""
            parts.append(f'<text x="{begin * CELL:.1f}" y="{_BASE}"{fitted} {look}>{escape(shown)}</text>')
        column += len(cells) * step
    return "".join(parts)


def _rule(text: str, column: int, look: str) -> str:
    """Draw lines as lines: the font's own leave gaps between rows."""
    paths = []
    for at, character in enumerate(text, column):
        left, middle, right = at * CELL, (at + 0.5) * CELL, CELL
        paths.append(f"M{middle:.1f} 0v{LINE}" if character in "│┼" else "")
        paths.append(f"M{left:.1f} {LINE / 2:.0f}h{right}" if character in "─┼" else "")
    return f'<path d="{"".join(paths)}" {look.replace("fill", "stroke")}/>'


def _look(cell: Cell, palette: Palette) -> str:
    """Return the attributes of a cell's text; blanks of all looks but a background are one."""
    looks: Mapping[str, str] = {
        "fill": palette.colour(cell.fg),
        "font-weight": "bold" if cell.bold else "",
        "fill-opacity": ".6" if cell.faint else "",
        "font-style": "italic" if cell.italic else "",
        "text-decoration": "underline" if cell.underlined else "",
    }
    return " ".join(f'{name}="{value}"' for name, value in looks.items() if value)
