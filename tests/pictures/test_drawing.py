"""README's pictures: what is drawn is what is on the screen, in files that need nothing but themselves."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pyte
import pytest

from tests.pictures.make import HERE
from tests.pictures.svg import CELL, DARK, LIGHT, Frame, picture, recording
from tests.pictures.terminal import Cell, Rows, _Screen

README = HERE.parent.parent / "README.md"
NAMESPACE = "{http://www.w3.org/2000/svg}"
PICTURES = sorted(HERE.glob("*.svg"))


def screen(text: bytes) -> Rows:
    there = _Screen(20, 2)
    pyte.ByteStream(there).feed(text)
    return tuple(
        tuple(Cell(there.buffer[row][column].data, faint=there.buffer[row][column].blink) for column in range(20))
        for row in range(2)
    )


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_whole_small_and_needs_nothing_else(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert root.tag == f"{NAMESPACE}svg"
    assert len(text) < 150_000
    assert set(re.findall(r'(?:href|src)="([^"#]*)', text)) <= {""}
    assert "url(" not in text


def test_readme_shows_every_picture_in_both_looks() -> None:
    named = set(re.findall(r"tests/pictures/([\w-]+\.svg)", README.read_text(encoding="utf-8")))
    assert named == {path.name for path in PICTURES}
    assert {name.replace("-dark", "-light") for name in named} == {name for name in named if "-light" in name}


def test_faint_text_is_known_and_colours_with_a_two_in_them_are_not_faint() -> None:
    rows = screen(b"\x1b[2mab\x1b[22mc\x1b[38;2;2;2;2md\x1b[38;5;2me\x1b[0;2mf")
    assert [cell.faint for cell in rows[0][:6]] == [True, True, False, False, False, True]


def test_wide_characters_are_put_at_their_own_columns() -> None:
    rows = ((Cell("a"), Cell("日", wide=True), Cell("本", wide=True), Cell("b")),)
    drawn = picture(rows, "t", DARK)
    assert f'<tspan x="{CELL:.1f}">日</tspan><tspan x="{3 * CELL:.1f}">本</tspan>' in drawn
    assert f'<text x="{5 * CELL:.1f}"' in drawn


def test_a_row_that_stays_is_drawn_once_in_a_recording() -> None:
    row = tuple(Cell(each) for each in "same")
    frames = [Frame((row, (Cell(str(number)),)), (number, 0), float(number)) for number in range(3)]
    drawn = recording(frames, 4.0, "t", LIGHT)
    assert drawn.count(">same</text>") == 1
    assert re.findall(r'keyTimes="([^"]*)"', drawn) == ["0.0000;0.2500", "0.0000;0.2500;0.5000", "0.0000;0.5000"]
    ET.fromstring(drawn)  # noqa: S314 - our own
