"""lmchat's own decorator makes classes that behave as those of the standard library do."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

import lmchat.dataclass as ours

# Without the types, which name the standard library's in both.
OURS: Any = vars(ours)
MAKERS = [
    pytest.param((dataclasses.dataclass, dataclasses.field, dataclasses.replace), id="standard library"),
    pytest.param((OURS["dataclass"], OURS["field"], OURS["replace"]), id="lmchat"),
]
both = pytest.mark.parametrize("maker", MAKERS)


def example(maker: Any) -> Any:
    dataclass, field, _ = maker

    @dataclass(frozen=True, slots=True)
    class Example:
        """A value."""

        name: str
        size: int = 3
        parts: list[int] = field(default_factory=list, repr=False, hash=False)
        note: str = field(default="", compare=False)
        made: str = field(init=False, default="", repr=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "made", self.name.upper())

        @property
        def twice(self) -> str:
            return self.name * 2

    return Example


@both
def test_takes_its_fields_by_place_and_by_name(maker: Any) -> None:
    value = example(maker)("a", size=4)
    assert (value.name, value.size, value.parts, value.made, value.twice) == ("a", 4, [], "A", "aa")


@both
@pytest.mark.parametrize("call", [lambda cls: cls(), lambda cls: cls("a", made="x"), lambda cls: cls(1, 2, [], "", 5)])
def test_refuses_what_is_missing_or_too_much(maker: Any, call: Callable[[Any], object]) -> None:
    cls = example(maker)
    for _ in range(2):
        with pytest.raises(TypeError, match="__init__"):
            call(cls)


@both
def test_gives_each_value_a_default_of_its_own(maker: Any) -> None:
    cls = example(maker)
    cls("a").parts.append(1)
    assert cls("a").parts == []


@both
def test_is_equal_by_what_is_compared_and_only_to_its_own_class(maker: Any) -> None:
    cls, other = example(maker), example(maker)
    assert cls("a", note="x") == cls("a", note="y")
    assert cls("a") != cls("a", 4)
    assert cls("a") != other("a")
    assert cls("a") != ("a", 3, [], "A")


@both
def test_can_be_hashed_where_it_is_frozen(maker: Any) -> None:
    cls = example(maker)
    assert len({cls("a", note="x"), cls("a", note="y"), cls("b")}) == 2


@both
def test_shows_its_fields(maker: Any) -> None:
    assert repr(example(maker)("a")) == "example.<locals>.Example(name='a', size=3, note='')"


@both
def test_refuses_to_change_a_frozen_value(maker: Any) -> None:
    value = example(maker)("a")
    with pytest.raises(AttributeError, match="cannot assign to field 'name'"):
        value.name = "b"
    with pytest.raises(AttributeError, match="cannot delete field 'name'"):
        del value.name
    with pytest.raises((AttributeError, TypeError)):
        value.other = 1


@both
def test_replaces_fields(maker: Any) -> None:
    value = maker[2](example(maker)("a", 4), name="b")
    assert (value.name, value.size, value.made) == ("b", 4, "B")


@both
def test_matches_by_place(maker: Any) -> None:
    cls = example(maker)
    match cls("a", 4):
        case cls(name, size):
            assert (name, size) == ("a", 4)
        case _:
            pytest.fail("it does not match")


@both
def test_can_be_changed_but_not_hashed_where_it_is_not_frozen(maker: Any) -> None:
    @maker[0](slots=True)
    class Counter:
        """A counter."""

        count: int = 0

    value, one = Counter(), Counter()
    value.count += 1
    assert value != one
    one.count = 1
    assert value == one
    with pytest.raises(TypeError):
        hash(value)
    with pytest.raises(AttributeError):
        value.other = 1  # type: ignore[attr-defined]


@both
def test_keeps_a_constructor_and_methods_of_the_class_itself(maker: Any) -> None:
    @maker[0](frozen=True, slots=True, init=False)
    class Options:
        """Pairs."""

        pairs: tuple[tuple[str, int], ...]

        def __init__(self, **values: int) -> None:
            object.__setattr__(self, "pairs", tuple(sorted(values.items())))

        def __repr__(self) -> str:
            return "options"

    assert Options(b=1, a=2) == Options(a=2, b=1)
    assert repr(Options()) == "options"


@both
def test_lets_a_class_below_it_have_a_constructor_of_its_own(maker: Any) -> None:
    class Named(example(maker)):  # type: ignore[misc]
        """One that is named already."""

        def __init__(self) -> None:
            super().__init__("a")

    assert [Named().name, Named().name] == ["a", "a"]


def test_tells_the_names_of_the_fields_that_are_given() -> None:
    assert ours.field_names(example(MAKERS[1].values[0])) == ("name", "size", "parts", "note")
