"""README is true: its tables are the program's."""

from tests.readme import README, renewed


def test_every_table_is_as_the_program_has_it() -> None:
    text = README.read_text(encoding="utf-8")
    assert renewed(text) == text, "python -m tests.readme writes them anew"
