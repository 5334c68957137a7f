"""Frames come out the same, however their bytes are cut and their lines are ended."""

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmchat.errors import StreamBrokenError
from lmchat.wire import body
from lmchat.wire.body import MOST_CHUNKS, Frame, body_parts


def frames(*chunks: bytes) -> list[Frame]:
    return [frame for found in body.frames(chunks) for frame in found]


TWO = [("a", "1"), ("b", "2")]


def test_a_frame_has_a_name_and_its_data() -> None:
    assert frames(b"event: a\ndata: 1\n\nevent: b\ndata: 2\n\n") == TWO


def test_lines_may_end_in_carriage_returns() -> None:
    assert frames(b"event: a\rdata: 1\r\revent: b\rdata: 2\r\r") == TWO


def test_lines_may_end_in_both() -> None:
    assert frames(b"event: a\r\ndata: 1\r\n\r\nevent: b\r\ndata: 2\r\n\r\n") == TWO


def test_a_line_end_may_be_cut_in_two() -> None:
    assert frames(b"event: a\r", b"\ndata: 1\r", b"\n\r", b"\nevent: b\ndata: 2\n\n") == TWO


def test_an_empty_chunk_between_the_halves_of_a_line_end_changes_nothing() -> None:
    assert frames(b"data: 1\r", b"", b"\ndata: 2\r\n\r\n") == [("", "1\n2")]


def test_a_frame_is_handed_over_at_its_blank_line() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"data: 1\n\ndata: 2\n"
        raise AssertionError("more was asked for")

    assert next(body.frames(chunks())) == [("", "1")]


def test_several_data_lines_are_one_text() -> None:
    assert frames(b'data: {"a":\ndata:  1}\n\n') == [("", '{"a":\n 1}')]


def test_the_space_after_the_colon_may_be_missing() -> None:
    assert frames(b"event:a\ndata:1\n\n") == [("a", "1")]


def test_comments_ids_and_retries_are_passed_over() -> None:
    assert frames(b": ping\n\nid: 7\nretry: 3000\nnonsense\ndata: 1\n\n") == [("", "1")]


def test_a_name_without_data_is_no_frame_and_names_no_other() -> None:
    assert frames(b"event: a\n\ndata: 1\n\n") == [("", "1")]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert frames(b"\xef\xbb", b"\xbfdata: 1\n\n") == [("", "1")]


def test_the_last_frame_may_lack_its_blank_line() -> None:
    assert frames(b"event: a\ndata: 1\n\nevent: b\ndata: 2") == TWO


def test_line_separators_of_unicode_are_part_of_the_data() -> None:
    assert frames("data: a\u2028b\u0085c\u2029d\x0b\x0ce\n\n".encode()) == [("", "a\u2028b\u0085c\u2029d\x0b\x0ce")]


def test_a_character_may_be_cut_in_two() -> None:
    data = "data: 青🎨\n\n".encode()
    assert frames(*(data[i : i + 1] for i in range(len(data)))) == [("", "青🎨")]


def test_bytes_that_are_no_text_do_no_harm() -> None:
    assert frames(b"data: \xff\n\n") == [("", "\ufffd")]


LINES = st.sampled_from(["data: 青い空", "data:", "event: x", ": c", "id: 1", "", "data: a\u2028b", "data", "event"])


@given(
    lines=st.lists(LINES, max_size=12), end=st.sampled_from(["\n", "\r", "\r\n"]), cuts=st.lists(st.integers(0, 200))
)
def test_cuts_and_line_ends_change_nothing(lines: list[str], end: str, cuts: list[int]) -> None:
    data = "".join(line + end for line in lines).encode()
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [data[a:b] for a, b in pairwise(places)]
    assert frames(*pieces) == frames("".join(line + "\n" for line in lines).encode())


def seconds(*chunks: bytes) -> float:
    begun = time.process_time()
    assert len(frames(*chunks)) == 1
    return time.process_time() - begun


def test_tiny_pieces_without_end_are_refused() -> None:
    with pytest.raises(StreamBrokenError, match="pieces of a few bytes"):
        for _ in body_parts((b"x" for _ in range(MOST_CHUNKS + 2)), "", good=True, streams=False):
            pass


def test_four_megabytes_in_one_frame_take_no_time_to_speak_of() -> None:
    piece = b"x" * 4096
    assert seconds(b"data: ", *([piece] * 1024), b"\n\n") < 2


def test_one_byte_at_a_time_takes_time_linear_in_the_bytes() -> None:
    assert seconds(b"data: ", *([b"x"] * 300_000), b"\n\n") < 5
