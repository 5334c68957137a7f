"""Fitting a chain into a window; a word counts as one token."""

from collections.abc import Sequence

import pytest

from lmchat.local.history import Chain, Message, StoredTurn, message
from lmchat.local.refusals import Refusal
from lmchat.local.turn import Asked, Fitted, fitted


def words(messages: Sequence[Message]) -> int:
    return sum(len(message["content"].split()) for message in messages)


def chain_of(turns: int, *, system: str | None = None, first_shown: int | None = None) -> Chain:
    """Make turns of ten words each."""
    made = [
        StoredTurn(
            number,
            system if number == 1 else None,
            (message("user", f"ask{number} a a a a"),),
            f"reply{number} b b b b",
        )
        for number in range(1, turns + 1)
    ]
    return Chain(tuple(made), first_shown)


def fit(chain: Chain, text: str = "new", window: int = 100, system: str | None = None) -> Fitted:
    return fitted(chain, Asked((message("user", text),), system), default_system="default", window=window, count=words)


def test_a_chain_that_fits_goes_whole() -> None:
    made = fit(chain_of(3))

    assert len(made.messages) == 1 + 6 + 1
    assert made.first_shown is None


def test_a_chain_that_does_not_fit_keeps_its_system_prompt_and_the_latest_turns() -> None:
    made = fit(chain_of(30, system="be brief"))

    assert made.messages[0] == {"role": "system", "content": "be brief"}
    assert made.messages[-2]["content"].startswith("reply30")
    assert words(made.messages) <= 50


def test_as_few_turns_as_possible_are_left_out() -> None:
    made = fit(chain_of(30))

    assert made.first_shown == 27  # four turns of ten words, "default" and "new" are 42; five would be over half


def test_the_turns_after_a_cut_begin_at_the_same_place() -> None:
    cut = fit(chain_of(30))

    later = fit(chain_of(31, first_shown=cut.first_shown))

    assert later.first_shown == cut.first_shown
    assert later.messages[: len(cut.messages) - 1] == cut.messages[:-1]


def test_a_first_prompt_may_fill_the_window_but_for_one_token() -> None:
    assert fit(Chain(), "w " * 98).first_shown is None
    with pytest.raises(Refusal):
        fit(Chain(), "w " * 99)


def test_a_prompt_that_does_not_fit_without_its_chain_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        fit(chain_of(5), "w " * 100)

    assert refused.value.status == 500


def test_a_large_prompt_leaves_the_whole_chain_behind() -> None:
    made = fit(chain_of(5), "w " * 90)

    assert [message["role"] for message in made.messages] == ["system", "user"]
    assert made.first_shown == 6


def test_a_system_prompt_of_a_turn_that_is_left_out_stays() -> None:
    made = fit(chain_of(30, system="be brief"), system="be kind")

    systems = [message["content"] for message in made.messages if message["role"] == "system"]
    assert systems == ["be brief", "be kind"]
