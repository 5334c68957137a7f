"""Claude's export: `conversations.json`, each a list of messages, which name the one they follow in newer exports.

Its format is published nowhere; this follows what the exports of 2024 to 2026 have and what converters read.
"""

from collections.abc import Iterator
from typing import Any

from lmchat.chat.transcript import quoted
from lmchat.chat.values import Message, Reasoning
from lmchat.dataclass import replace
from lmchat.store.imports.found import (
    Call,
    Found,
    LeftOut,
    Part,
    Refused,
    Result,
    Role,
    Said,
    Source,
    arguments_of,
    each,
    items_of,
    joined,
    list_of,
    members_of,
    moment_of,
    sender_of,
    text_of,
)


def recognize(source: Source) -> bool:
    """Tell whether a file is of this format."""
    return any("chat_messages" in members_of(item) for item in items_of(source.value)[:100])


def read(source: Source, left_out: LeftOut) -> Iterator[Found | Refused]:
    """Read every conversation."""
    return each(items_of(source.value), lambda item: _conversation(item, left_out), "name")


def _conversation(item: dict[str, Any], left_out: LeftOut) -> Found:
    messages = item.get("chat_messages")
    if not isinstance(messages, list):
        raise ValueError("it has no messages")
    known = {uuid for message in messages if (uuid := text_of(members_of(message).get("uuid")))}
    in_tree = any(text_of(members_of(message).get("parent_message_uuid")) in known for message in messages)
    said: list[Said] = []
    for number, message in enumerate(map(members_of, messages)):
        key = text_of(message.get("uuid")) or f"message {number}"
        before = said[-1].key if said else None
        parent = text_of(message.get("parent_message_uuid")) or None if in_tree else before
        said.append(_said(Said(key, parent), message, left_out))
    at = moment_of(item.get("created_at"))
    return Found(
        key=text_of(item.get("uuid")) or f"{item.get('name')} {at}",
        title=text_of(item.get("name")),
        said=tuple(said),
        head=text_of(item.get("current_leaf_message_uuid")) or (said[-1].key if said else None),
        at=at,
        used=moment_of(item.get("updated_at")),
        model=text_of(item.get("model")),
    )


def _said(said: Said, message: dict[str, Any], left_out: LeftOut) -> Said:
    said = replace(said, at=moment_of(message.get("created_at")))
    parts = tuple(_parts(message, left_out))
    files = list_of(message.get("files"))
    if files:
        left_out["attached file"] += len(files)
    match text_of(message.get("sender")):
        case "human":
            texts = [part.text for part in parts if isinstance(part, Message)]
            left_out.update("tool result" for part in parts if not isinstance(part, Message))
            texts += _attached(message, left_out)
            return replace(said, role=Role.USER, text=joined(texts))
        case "assistant":
            cut = message.get("stop_reason") == "user_canceled"
            return replace(said, role=Role.REPLY, parts=parts, whole=not cut) if parts else said
        case sender:
            left_out[sender_of(sender)] += 1
            return said


def _parts(message: dict[str, Any], left_out: LeftOut) -> Iterator[Part]:
    blocks = list_of(message.get("content"))
    for block in map(members_of, blocks):
        match text_of(block.get("type")):
            case "text" | "voice_note":
                if text := text_of(block.get("text")):
                    yield Message(text)
            case "thinking":
                if text := text_of(block.get("thinking")):
                    yield Reasoning(text, _seconds(block))
            case "tool_use":
                arguments = arguments_of(block.get("input"))
                yield Call(text_of(block.get("id")), text_of(block.get("name")), arguments)
            case "tool_result":
                output = _output(block.get("content"), left_out)
                yield Result(text_of(block.get("tool_use_id")), text_of(block.get("name")), output)
            case "token_budget":
                pass
            case kind:
                left_out[kind or "part without a kind"] += 1
    if not blocks and (text := text_of(message.get("text"))):
        yield Message(text)


def _seconds(block: dict[str, Any]) -> float | None:
    began, ended = moment_of(block.get("start_timestamp")), moment_of(block.get("stop_timestamp"))
    return (ended - began).total_seconds() if began and ended and ended > began else None


def _output(content: object, left_out: LeftOut) -> str:
    """Return what a tool answered as text."""
    if isinstance(content, str):
        return text_of(content)
    texts = []
    for block in map(members_of, list_of(content)):
        if block.get("type") == "text":
            texts.append(text_of(block.get("text")))
        else:
            left_out[f"{text_of(block.get('type')) or 'part'} of a tool"] += 1
    return "\n".join(texts)


def _attached(message: dict[str, Any], left_out: LeftOut) -> Iterator[str]:
    """Yield the texts that were attached, quoted under their names as lmchat's own are."""
    for attachment in map(members_of, list_of(message.get("attachments"))):
        name = text_of(attachment.get("file_name")) or "pasted.txt"
        if text := text_of(attachment.get("extracted_content")):
            yield quoted(name, text)
        else:
            left_out["attached file"] += 1
