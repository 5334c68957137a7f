"""Keys as a terminal sends them: what is not a key is dropped, however it is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding.key_processor import KeyPress

from lmchat.repl.key_input import PASTE, PastingParser

PIECES = (
    "a", "é日", "\r", "\x1b", "\x1bb", "\x1b[A", "\x1bOP", "\x1b[3~", PASTE, "x\x1b[20", "1~", "\x1b[201~",
    "\x1b[13;5u", "\x1b]11;rgb:0/0/0\x07", "\x1b[?62;c", "\x1b[M !!", "\x1bP1$r0m\x1b\\", "[", "]1", "O",
)  # fmt: skip


def keys(parser: Vt100Parser, came: list[KeyPress], *pieces: str) -> list[tuple[object, str]]:
    for piece in pieces:
        parser.feed(piece)
    parser.flush()
    return [(key.key, key.data) for key in came]


def ours(*pieces: str) -> list[tuple[object, str]]:
    came = list[KeyPress]()
    return keys(PastingParser(came.append), came, *pieces)


def theirs(*pieces: str) -> list[tuple[object, str]]:
    came = list[KeyPress]()
    return keys(Vt100Parser(came.append), came, *pieces)


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_pieces_of_any_size_make_the_same_keys_as_the_whole(pieces: list[str]) -> None:
    whole = "".join(pieces)
    assert ours(*whole) == ours(*pieces) == ours(whole)


@given(st.lists(st.sampled_from(["a", "é", "\r", "\x1b[A", f"{PASTE}x\x1b[20\x1b[13;5u\x1b[201~"]), max_size=12))
def test_keys_and_pastes_are_those_of_the_librarys_own_parser(pieces: list[str]) -> None:
    assert ours(*pieces) == theirs("".join(pieces))


@pytest.mark.parametrize("sequence", [each for each in ANSI_SEQUENCES if each != PASTE])
def test_every_key_that_the_library_knows_is_that_key(sequence: str) -> None:
    assert ours(sequence) == theirs(sequence)


@pytest.mark.parametrize(
    "sequence",
    [
        "\x1b[13;5u",  # Ctrl-Enter, of a terminal that reports keys by number
        "\x1b[57358u",  # Caps Lock
        "\x1b[97;1:3u",  # a key that is let go
        "\x1b[I",
        "\x1b[O",
        "\x1b[?62;c",
        "\x1b[?1;2c",
        "\x1b[>41;354;0c",
        "\x1b[?0u",
        "\x1b[24;80R",
        "\x1b[0n",
        "\x1b[?2026;2$y",
        "\x1b[<0;10;5M",
        "\x1b[M !!",
        "\x1b[8;24;80t",
        "\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\",
        "\x1b]10;rgb:ffff/ffff/ffff\x07",
        "\x1b]52;c;aGVsbG8=\x07",
        "\x1bP>|tmux 3.5\x1b\\",
        "\x1bP1$r0 q\x1b\\",
        "\x1b_Gi=1;OK\x1b\\",
        "\x1bO5X",
        "\x1b[200",
        "\x1b]11;rgb:1e1e",
    ],
)
def test_what_is_no_key_types_nothing(sequence: str) -> None:
    assert ours(sequence) == []
    assert ours("a", sequence) == ours("a")
    assert ours(*sequence) == []


@pytest.mark.parametrize(
    ("reported", "typed"),
    [
        ("\x1b[97u", "a"),
        ("\x1b[97;2u", "A"),
        ("\x1b[97;5u", "\x01"),
        ("\x1b[99;5u", "\x03"),
        ("\x1b[27;5;99~", "\x03"),
        ("\x1b[98;3u", "\x1bb"),
        ("\x1b[97;65u", "a"),  # with Caps Lock on
        ("\x1b[97;1:1u", "a"),
        ("\x1b[13u", "\r"),
        ("\x1b[9;2u", "\x1b[Z"),
        ("\x1b[127u", "\x7f"),
        ("\x1b[12354u", "あ"),
    ],
)
def test_a_key_that_is_reported_by_its_number_is_that_key(reported: str, typed: str) -> None:
    assert ours(reported) == theirs(typed)


@pytest.mark.parametrize("typed", ["\x1b", "\x1b[", "\x1b]", "\x1bP", "\x1bO", "\x1bb", "\x1b\x1b"])
def test_escape_and_alt_with_a_key_arrive(typed: str) -> None:
    assert ours(typed) == theirs(typed)
