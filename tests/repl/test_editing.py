"""What the input line shows for placeholders and tabs."""

import pytest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text.utils import fragment_list_to_text
from prompt_toolkit.layout.controls import BufferControl
from prompt_toolkit.layout.processors import Transformation, TransformationInput

from lmchat.repl.editing import Folds, Unfolding


def shown(line: str) -> Transformation:
    place = TransformationInput(BufferControl(Buffer()), Document(line), 0, lambda at: at, [("", line)], 80, 1)
    return Unfolding(Folds().shown).apply_transformation(place)


@pytest.mark.parametrize(
    ("line", "widened"),
    [("a\tb", "a   b"), ("abc\td", "abc d"), ("\tx", "    x"), ("日\tx", "日   x"), ("a\t\tb", "a       b")],
)
def test_a_tab_is_shown_as_blanks_also_where_there_is_room_for_one_only(line: str, widened: str) -> None:
    assert fragment_list_to_text(shown(line).fragments) == widened


def test_the_cursor_goes_over_a_tab_in_one_step() -> None:
    made = shown("a\tb")
    assert [made.source_to_display(at) for at in range(4)] == [0, 1, 4, 5]
    assert [made.display_to_source(at) for at in (0, 1, 3, 4)] == [0, 1, 1, 2]


@pytest.mark.parametrize("character", ["\u2028", "\u202e", "\u2066"])
def test_what_would_turn_or_break_the_line_is_named_in_it(character: str) -> None:
    assert fragment_list_to_text(shown(f"a{character}b").fragments) == f"a⟪U+{ord(character):04X}⟫b"
