"""Reading a JSON object strictly: every member is taken once, by name and type, and nothing is left over."""

from typing import Any


class Members:
    """Hand out the members of one object; raise ValueError, with the place in words, where it is not as expected."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{where} is not an object")
        self._left = dict(value)
        self.where = where

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def take(self, name: str, *kinds: type) -> Any:
        """Return one member, which must be exactly of one of these types (a bool is no int)."""
        if name not in self._left:
            raise ValueError(f"{self.where} lacks '{name}'")
        value = self._left.pop(name)
        if type(value) not in kinds:
            raise ValueError(f"'{name}' of {self.where} is of the wrong type")
        return value

    def text(self, name: str) -> str:
        """Return one member, which must be a string."""
        return str(self.take(name, str))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return one member, which must be a list of strings."""
        values = self.take(name, list)
        if not all(isinstance(each, str) for each in values):
            raise ValueError(f"'{name}' of {self.where} is of the wrong type")
        return tuple(values)

    def rest(self) -> dict[str, Any]:
        """Return what nobody has taken yet, and count it as taken."""
        left, self._left = self._left, {}
        return left

    def end(self) -> None:
        """Refuse members that nobody took."""
        if self._left:
            raise ValueError(f"{self.where} has an unknown '{next(iter(self._left))}'")
