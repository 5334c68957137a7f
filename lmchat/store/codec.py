"""How the store keeps values: the JSON of items, integrations, options and stats, and pictures by their hashes.

The JSON is the store's own, whatever the API sends. What cannot be read raises ValueError, never a guess.
"""

import json
from typing import Any, get_args, get_type_hints

from lmchat.chat.models import EphemeralMcp, Integration, OtherIntegration, Plugin
from lmchat.chat.values import (
    Image,
    InvalidToolCall,
    Item,
    Message,
    Options,
    OtherItem,
    Provider,
    Reasoning,
    Stats,
    ToolCall,
    join_surrogates,
)
from lmchat.store.database import Database, typed

_DECODER = json.JSONDecoder()


class Members:
    """The members of one object, each taken once; ValueError says in words where it is not as expected."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{where} is not an object")
        self._left = dict(value)
        self.where = where

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def names(self) -> tuple[str, ...]:
        """Return the names of the members that were not taken yet."""
        return tuple(self._left)

    def take(self, name: str, *kinds: type) -> Any:
        """Return one member, which must be exactly of one of these types (a bool is not an int)."""
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
        """Return the members that are left, and count them as taken."""
        left, self._left = self._left, {}
        return left

    def end(self) -> None:
        """Refuse members that are left."""
        if self._left:
            raise ValueError(f"{self.where} has an unknown '{next(iter(self._left))}'")


def written(value: object) -> str:
    """Write JSON as the store keeps it."""
    return join_surrogates(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def parsed(text: str) -> Any:
    """Read JSON as `written` writes it, in half the time of `json.loads`; raise ValueError for anything else."""
    value, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError("it is not JSON as lmchat writes it")
    return value


def first_words(text: str, limit: int = 200) -> str:
    """Return the beginning of a text on one line."""
    return join_surrogates(" ".join(text[: limit * 4].split())[:limit])


def items_json(items: tuple[Item, ...]) -> list[dict[str, Any]]:
    """Turn the items of a reply into JSON."""
    return [_item_json(item) for item in items]


def items_value(values: object, where: str) -> tuple[Item, ...]:
    """Read the items of a reply."""
    if not isinstance(values, list):
        raise ValueError(f"'items' of {where} is not a list")
    return tuple(_message(value) or _item_value(Members(value, f"an item of {where}")) for value in values)


def integrations_json(integrations: tuple[Integration, ...]) -> list[dict[str, Any]]:
    """Turn integrations into JSON, without their headers, which may contain secrets."""
    return [_integration_json(each) for each in integrations]


def integrations_value(values: object) -> tuple[Integration, ...]:
    """Read integrations."""
    if not isinstance(values, list):
        raise ValueError("'integrations' is not a list")
    return tuple(_integration_value(Members(value, "an integration")) for value in values)


def options_value(value: object, where: str) -> Options:
    """Read options; those of a newer lmchat are options, too."""
    members = Members(value, where)
    return Options(**{name: members.take(name, int, float, str) for name in members.names()})


def stats_value(value: object, where: str) -> Stats:
    """Read stats; those of a newer lmchat are kept with the known ones."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not an object")
    known = {name: each for name, each in value.items() if name in _STATS}
    for name, each in known.items():
        if type(each) not in _STATS[name]:
            raise ValueError(f"'{name}' of {where} is of the wrong type")
    return Stats(**known, extra={name: value[name] for name in value.keys() - known} if len(known) < len(value) else {})


def _types(kind: type) -> dict[str, tuple[type, ...]]:
    """Return what JSON may contain for each field of a class whose fields are all `X | None`."""
    hints = get_type_hints(kind)
    return {name: (*get_args(hint), int) if float in get_args(hint) else get_args(hint) for name, hint in hints.items()}


_STATS = {name: types for name, types in _types(Stats).items() if name != "extra"}


def _item_json(item: Item) -> dict[str, Any]:
    return {**_known_json(item), **item.extra}


def _known_json(item: Item) -> dict[str, Any]:
    match item:
        case Message(text):
            return {"kind": "message", "text": text}
        case Reasoning(text, seconds):
            return {"kind": "reasoning", "text": text, "seconds": seconds}
        case ToolCall(tool, arguments, output, provider):
            return {
                "kind": "tool_call",
                "tool": tool,
                "arguments": dict(arguments),
                "output": output,
                "provider": _provider_json(provider),
            }
        case InvalidToolCall(reason, tool, kind, arguments, provider):
            return {
                "kind": "invalid_tool_call",
                "reason": reason,
                "tool": tool,
                "type": kind,
                "arguments": None if arguments is None else dict(arguments),
                "provider": _provider_json(provider),
            }
        case OtherItem(kind):
            return {"kind": kind}


def _message(value: Any) -> Message | None:
    """Read an item that is nothing but a message, as most are: in a fifth of the time that others take."""
    if type(value) is dict and len(value) == 2 and value.get("kind") == "message" and type(value.get("text")) is str:
        return Message(value["text"])
    return None


def _item_value(members: Members) -> Item:
    """Read an item; what a newer lmchat kept in it, or an item of an unknown kind, stays as it is."""
    match members.text("kind"):
        case "message":
            return Message(members.text("text"), extra=members.rest())
        case "reasoning":
            seconds = members.take("seconds", int, float, type(None))
            return Reasoning(members.text("text"), seconds, extra=members.rest())
        case "tool_call":
            call = (members.text("tool"), members.take("arguments", dict), members.text("output"))
            return ToolCall(*call, _provider_value(members), extra=members.rest())
        case "invalid_tool_call":
            named = (members.text("reason"), members.text("tool"), members.text("type"))
            arguments = members.take("arguments", dict, type(None))
            return InvalidToolCall(*named, arguments, _provider_value(members), extra=members.rest())
        case kind:
            return OtherItem(kind, members.rest())


def _provider_json(provider: Provider | None) -> dict[str, Any] | None:
    return None if provider is None else {"kind": provider.kind, "name": provider.name, **provider.extra}


def _provider_value(members: Members) -> Provider | None:
    value = members.take("provider", dict, type(None))
    if value is None:
        return None
    inner = Members(value, f"the provider of {members.where}")
    return Provider(inner.text("kind"), inner.text("name"), extra=inner.rest())


def _integration_json(integration: Integration) -> dict[str, Any]:
    return {**_known_integration_json(integration), **integration.extra}


def _known_integration_json(integration: Integration) -> dict[str, Any]:
    match integration:
        case Plugin(id, allowed_tools):
            return {"kind": "plugin", "id": id, "allowed_tools": list(allowed_tools)}
        case EphemeralMcp(server_label, server_url, allowed_tools):
            return {
                "kind": "ephemeral_mcp",
                "server_label": server_label,
                "server_url": server_url,
                "allowed_tools": list(allowed_tools),
            }
        case OtherIntegration(kind):
            return {"kind": kind}


def _integration_value(members: Members) -> Integration:
    """Read an integration; what a newer lmchat kept in it, or one of an unknown kind, stays as it is."""
    match members.text("kind"):
        case "plugin":
            return Plugin(members.text("id"), members.texts("allowed_tools"), extra=members.rest())
        case "ephemeral_mcp":
            named = (members.text("server_label"), members.text("server_url"), members.texts("allowed_tools"))
            return EphemeralMcp(*named, extra=members.rest())
        case kind:
            return OtherIntegration(kind, members.rest())


def attach(database: Database, turn: int, images: tuple[Image, ...]) -> None:
    """Keep the pictures of a turn (inside a transaction)."""
    for place, image in enumerate(images):
        from hashlib import sha256  # which loads OpenSSL

        digest = sha256(image.data).hexdigest()
        database.execute("INSERT OR IGNORE INTO image (hash, data) VALUES (?, ?)", (digest, image.data))
        database.execute(
            "INSERT INTO turn_image (turn, place, hash, name, media_type, width, height) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                turn,
                place,
                digest,
                join_surrogates(image.name),
                join_surrogates(image.media_type),
                image.width,
                image.height,
            ),
        )


def images_of(database: Database, turn: int) -> tuple[Image, ...]:
    """Return the pictures of a turn, in their order."""
    rows = database.rows(
        "SELECT name, media_type, data, width, height FROM turn_image JOIN image USING (hash)"
        " WHERE turn = ? ORDER BY place",
        (turn,),
    )
    return tuple(Image(*typed(row, (str, str, bytes, int, int))) for row in rows)


def forget_unused(database: Database, hashes: set[str]) -> None:
    """Remove those of these pictures that no turn uses any more (inside a transaction)."""
    for digest in hashes:
        database.execute(
            "DELETE FROM image WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM turn_image WHERE hash = image.hash)",
            (digest,),
        )
