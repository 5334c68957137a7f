"""Sizes and ages in words."""

from datetime import UTC, datetime, timedelta

import pytest

from lmchat.render.notes import age_words, size_words

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "words"),
    [(None, ""), (0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (771_933_305, "772 MB"), (4 * 10**15, "4000 TB")],
)
def test_sizes_are_said_as_people_do(size: int | None, words: str) -> None:
    assert size_words(size) == words


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=800), "2 years ago"),
        (timedelta(seconds=-5), "just now"),
    ],
)
def test_ages_are_said_as_people_do(ago: timedelta, words: str) -> None:
    assert age_words(NOW - ago, NOW) == words
