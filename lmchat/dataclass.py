"""The part of the standard library's `dataclasses` that lmchat uses, made for a quick start.

`dataclasses` compiles up to six methods for a class (0.35 ms; an `ask` makes eighty classes) and imports `inspect`
(13 ms, a third of what Tab took). Here one method is compiled, when the first value is made; type checkers see the
standard library's names.

What differs: a field is a slot in any case, a class takes over no fields from its bases, and instead of `fields` and
`asdict` there are the `field_names`.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

Value = TypeVar("Value")

_MISSING: Any = object()


class _Field:
    """What is said of one field beside its name."""

    __slots__ = ("compare", "default", "factory", "hash", "init", "repr")

    def __init__(
        self,
        *,
        default: Any = _MISSING,
        default_factory: Any = _MISSING,
        init: bool = True,
        repr: bool = True,  # noqa: A002 - the standard library's names
        hash: bool = True,  # noqa: A002
        compare: bool = True,
    ) -> None:
        self.default, self.factory = default, default_factory
        self.init, self.repr, self.compare, self.hash = init, repr, compare, compare and hash


def _dataclass(*, slots: bool, frozen: bool = False, init: bool = True) -> Callable[[Any], Any]:
    """Return a decorator that makes a class of values from its annotations; `frozen` ones can be hashed."""
    del slots  # said where the class is, as with the standard library

    def made(cls: Any) -> Any:
        namespace = dict(cls.__dict__)
        fields = {name: _described(namespace.pop(name, _MISSING)) for name in cls.__annotations__}
        for name in ("__dict__", "__weakref__"):
            namespace.pop(name, None)
        namespace["__slots__"] = tuple(fields)
        namespace["__match_args__"] = tuple(name for name, field in fields.items() if field.init)
        namespace.setdefault("__repr__", _shown_by([name for name, field in fields.items() if field.repr]))
        namespace.setdefault("__eq__", _equal_by([name for name, field in fields.items() if field.compare]))
        hashed = [name for name, field in fields.items() if field.hash]
        namespace.setdefault("__hash__", _hashed_by(hashed) if frozen else None)
        if frozen:
            namespace["__setattr__"], namespace["__delattr__"] = _no_change, _no_deletion
        namespace["__qualname__"] = cls.__qualname__
        result = type(cls)(cls.__name__, cls.__bases__, namespace)
        if init:
            result.__init__ = _first_time(result, fields, frozen=frozen)
        return result

    return made


def _described(default: Any) -> _Field:
    return default if isinstance(default, _Field) else _Field(default=default)


def _equal_by(names: list[str]) -> Callable[[Any, object], Any]:
    values = _values_of(names)

    def equal(self: Any, other: object) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return equal


def _hashed_by(names: list[str]) -> Callable[[Any], int]:
    values = _values_of(names)
    return lambda self: hash(values(self))


def _values_of(names: list[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else lambda _: ()


def _shown_by(names: list[str]) -> Callable[[Any], str]:
    def shown(self: Any) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({values})"

    return shown


def _no_change(_self: Any, name: str, _value: Any) -> None:
    raise AttributeError(f"cannot assign to field {name!r}")


def _no_deletion(_self: Any, name: str) -> None:
    raise AttributeError(f"cannot delete field {name!r}")


def _first_time(cls: Any, fields: Mapping[str, _Field], *, frozen: bool) -> Callable[..., None]:
    """Return a constructor that compiles the class's own when it is called; many classes never have a value."""

    def construct(self: Any, *arguments: Any, **named: Any) -> None:
        cls.__init__ = _constructor(fields, frozen=frozen, prepares=hasattr(cls, "__post_init__"))
        cls.__init__(self, *arguments, **named)

    return construct


def _constructor(fields: Mapping[str, _Field], *, frozen: bool, prepares: bool) -> Any:
    names: dict[str, Any] = {"MISSING": _MISSING, "put": object.__setattr__}
    parameters, body = ["self"], ["pass"]
    for name, field in fields.items():
        value = name
        names |= {f"default_{name}": field.default, f"factory_{name}": field.factory}
        if field.factory is not _MISSING:
            parameters.append(f"{name}=MISSING")
            value = f"factory_{name}() if {name} is MISSING else {name}"
        elif not field.init:
            value = f"default_{name}"
        elif field.default is not _MISSING:
            parameters.append(f"{name}=default_{name}")
        else:
            parameters.append(name)
        body.append(f"put(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if prepares:
        body.append("self.__post_init__()")
    source = f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body)
    exec(source, names)  # noqa: S102 - of names in our own source, as the standard library does it
    return names["__init__"]


def field_names(of: object) -> tuple[str, ...]:
    """Return the names of the fields that the constructor takes, for a class or one of its values."""
    names: tuple[str, ...] = of.__match_args__  # type: ignore[attr-defined]  # each of these classes has them
    return names


def _replace(value: Value, /, **changes: Any) -> Value:
    """Return the value with other values in some fields."""
    for name in field_names(value):
        if name not in changes:
            changes[name] = getattr(value, name)
    return type(value)(**changes)


if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    dataclass, field, replace = _dataclass, _Field, _replace

__all__ = ["dataclass", "field", "field_names", "replace"]
