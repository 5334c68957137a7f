"""ChatGPT's export: `conversations.json`, each a tree (`mapping`) of messages that name their parents.

Its format is published nowhere; this follows what the exports of 2023 to 2026 have and what converters read.
"""

import re
from collections.abc import Iterator
from typing import Any

from lmchat.chat.values import Image, Message, Reasoning
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
    number_of,
    parsed,
    text_of,
)

_CITATION = re.compile("\ue200[^\ue200\ue201]*\ue201")
"""What is left of a citation whose text the export does not have."""


def recognize(source: Source) -> bool:
    """Tell whether a file is of this format."""
    return any("mapping" in members_of(item) for item in items_of(source.value)[:100])


def read(source: Source, left_out: LeftOut) -> Iterator[Found | Refused]:
    """Read every conversation."""
    return each(items_of(source.value), lambda item: _conversation(item, source, left_out), "title")


def _conversation(item: dict[str, Any], source: Source, left_out: LeftOut) -> Found:
    mapping = item.get("mapping")
    if not isinstance(mapping, dict):
        raise ValueError("it has no messages")
    parents = _parents(mapping)
    said = tuple(_said(key, node, parents.get(key), source, left_out) for key, node in mapping.items())
    at = moment_of(item.get("create_time"))
    return Found(
        key=text_of(item.get("conversation_id")) or text_of(item.get("id")) or f"{item.get('title')} {at}",
        title=text_of(item.get("title")),
        said=said,
        head=text_of(item.get("current_node")) or None,
        at=at,
        used=moment_of(item.get("update_time")),
        model=text_of(item.get("default_model_slug")),
    )


def _parents(mapping: dict[str, Any]) -> dict[str, str]:
    """Return what each message follows: it says so itself, or its parent does."""
    parents = {}
    for key, node in mapping.items():
        for child in list_of(members_of(node).get("children")):
            if isinstance(child, str):
                parents[child] = key
    for key, node in mapping.items():
        if parent := text_of(members_of(node).get("parent")):
            parents[key] = parent
    return parents


def _said(key: str, node: object, parent: str | None, source: Source, left_out: LeftOut) -> Said:
    message = members_of(members_of(node).get("message"))
    said = Said(key, parent, at=moment_of(message.get("create_time")))
    content, metadata = members_of(message.get("content")), members_of(message.get("metadata"))
    kind = text_of(content.get("content_type"))
    match text_of(members_of(message.get("author")).get("role")):
        case _ if kind == "user_editable_context":
            return replace(said, role=Role.SYSTEM, text=_instructions(content))
        case "system":
            text = _text(content, metadata)
            return replace(said, role=Role.SYSTEM, text=text) if text else said
        case "user" if metadata.get("is_visually_hidden_from_conversation") is not True:
            return _asked(said, content, metadata, source, left_out)
        case "assistant" | "tool" as role:
            if metadata.get("is_visually_hidden_from_conversation") is True and kind == "text":
                return _hidden(said, _text(content, metadata), left_out)
            parts = tuple(_parts(role, message, content, metadata, left_out))
            model = text_of(metadata.get("model_slug"))
            cut = members_of(metadata.get("finish_details")).get("type") == "interrupted"
            return replace(said, role=Role.REPLY, parts=parts, model=model, whole=not cut) if parts else said
        case _:
            return _hidden(said, _text(content, metadata), left_out)


def _hidden(said: Said, text: str, left_out: LeftOut) -> Said:
    """Leave out what ChatGPT itself does not show."""
    if text:
        left_out["hidden message"] += 1
    return said


def _instructions(content: dict[str, Any]) -> str:
    return joined(text_of(content.get(name)).strip() for name in ("user_profile", "user_instructions"))


def _asked(said: Said, content: dict[str, Any], metadata: dict[str, Any], source: Source, left_out: LeftOut) -> Said:
    images = []
    for part in list_of(content.get("parts")):
        if isinstance(part, dict) and part.get("content_type") == "image_asset_pointer":
            if image := _picture(part, source):
                images.append(image)
            else:
                left_out["picture that is not in the export"] += 1
        else:
            _count_unknown(part, left_out)
    for attachment in list_of(metadata.get("attachments")):
        if not text_of(members_of(attachment).get("mime_type")).startswith("image/"):
            left_out["attached file"] += 1
    return replace(said, role=Role.USER, text=_text(content, metadata), images=tuple(images))


def _picture(part: dict[str, Any], source: Source) -> Image | None:
    """Return a picture that is beside the conversations, under a name that begins with its id."""
    name = text_of(part.get("asset_pointer")).rpartition("://")[2]
    data = source.attached(name) if name else None
    return source.picture(name, data) if data is not None else None


def _parts(
    role: str, message: dict[str, Any], content: dict[str, Any], metadata: dict[str, Any], left_out: LeftOut
) -> Iterator[Part]:
    """Yield what a message of the model or of a tool adds to the reply."""
    kind, text = text_of(content.get("content_type")), _text(content, metadata)
    for part in list_of(content.get("parts")):
        _count_unknown(part, left_out)
    recipient = text_of(message.get("recipient")) or "all"
    if role == "tool":
        if text:
            yield Result("", text_of(members_of(message.get("author")).get("name")), text)
    elif kind == "thoughts":
        yield from _thoughts(content)
    elif kind == "reasoning_recap":
        yield Reasoning("", number_of(metadata.get("finished_duration_sec")))
    elif not text:
        if kind not in {"text", "code", "multimodal_text"}:
            left_out[kind or "message without content"] += 1
    elif recipient != "all":
        yield Call("", recipient, arguments_of(members_of(parsed(text)) or text))
    elif kind == "code":
        yield Message(f"```\n{text}\n```")
    else:
        yield Message(text)


def _thoughts(content: dict[str, Any]) -> Iterator[Reasoning]:
    for thought in map(members_of, list_of(content.get("thoughts"))):
        if text := joined(text_of(thought.get(name)) for name in ("summary", "content")):
            yield Reasoning(text)


def _text(content: dict[str, Any], metadata: dict[str, Any]) -> str:
    """Return what a message says; kinds have it in different members."""
    texts = [text_of(_spoken(part)) for part in list_of(content.get("parts"))]
    texts += [text_of(content.get(name)) for name in ("text", "result")]
    return _cited(joined(texts, "\n"), metadata)


def _spoken(part: object) -> object:
    """Return the text of a part: it is one, or a transcription of what was said in it."""
    return part.get("text") if isinstance(part, dict) and part.get("content_type") == "audio_transcription" else part


def _cited(text: str, metadata: dict[str, Any]) -> str:
    """Write citations, which are marks in private characters, as the links they mean."""
    if "\ue200" not in text:
        return text
    for reference in map(members_of, list_of(metadata.get("content_references"))):
        mark = text_of(reference.get("matched_text"))
        if mark.startswith("\ue200"):
            text = text.replace(mark, text_of(reference.get("alt")))
    return _CITATION.sub("", text)


def _count_unknown(part: object, left_out: LeftOut) -> None:
    if isinstance(part, dict) and part.get("content_type") != "audio_transcription":
        kind = text_of(part.get("content_type")) or "part without a kind"
        left_out["picture in a reply" if kind == "image_asset_pointer" else kind] += 1
    elif not isinstance(part, dict | str):
        left_out["part without a kind"] += 1
