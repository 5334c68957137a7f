"""LM Studio's conversation files, `~/.lmstudio/conversations/*.json`: one conversation a file.

Each message is a list of versions, of which one is selected. Its format is published nowhere; this follows files of
0.3 and the names that lmstudio-js gives to the same parts.
"""

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from lmchat.chat.values import Image, Message, Reasoning, Stats
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
    joined,
    list_of,
    members_of,
    moment_of,
    number_of,
    sender_of,
    text_of,
    whole_of,
)

_MARKS = frozenset({"perChatPredictionConfig", "usePerChatPredictionConfig", "lastUsedModel", "userFilesSizeBytes"})
_SECONDS = re.compile(r"([\d.]+) (second|minute)")
_NOT_SAID = frozenset({"debugInfoBlock", "status", "toolStatus"})
"""Steps that only describe how the reply was made."""


def recognize(source: Source) -> bool:
    """Tell whether a file is of this format."""
    members = members_of(source.value)
    messages = members.get("messages")
    return isinstance(messages, list) and (
        bool(_MARKS & members.keys()) or any("versions" in members_of(message) for message in messages)
    )


def read(source: Source, left_out: LeftOut) -> Iterator[Found | Refused]:
    """Read the conversation."""
    return each([source.value], lambda item: _conversation(item, source, left_out), "name")


def _conversation(item: dict[str, Any], source: Source, left_out: LeftOut) -> Found:
    said: list[Said] = []
    selected: str | None = None
    for number, message in enumerate(map(members_of, list_of(item.get("messages")))):
        versions = list_of(message.get("versions")) or [message]
        chosen = whole_of(message.get("currentlySelected")) or 0
        for place, version in enumerate(map(members_of, versions)):
            said.append(_said(Said(f"{number}.{place}", selected), version, source, left_out))
        selected = f"{number}.{min(chosen, len(versions) - 1)}"
    at = moment_of(item.get("createdAt"))
    return Found(
        key=f"LM Studio {item.get('createdAt') if at else PurePath(source.name).name}",
        title=text_of(item.get("name")),
        said=tuple(said),
        head=selected,
        at=at,
        used=moment_of(item.get("assistantLastMessagedAt")) or moment_of(item.get("userLastMessagedAt")),
        model=text_of(members_of(item.get("lastUsedModel")).get("identifier")),
        system=text_of(item.get("systemPrompt")) or _configured(item, "llm.prediction.systemPrompt"),
    )


def _configured(item: dict[str, Any], key: str) -> str:
    """Return a text among the settings of the conversation."""
    fields = list_of(members_of(item.get("perChatPredictionConfig")).get("fields"))
    return next((text_of(field.get("value")) for field in map(members_of, fields) if field.get("key") == key), "")


def _said(said: Said, version: dict[str, Any], source: Source, left_out: LeftOut) -> Said:
    match text_of(version.get("role")):
        case "user":
            images = tuple(_images(version, source, left_out))
            return replace(said, role=Role.USER, text=_text(version), images=images)
        case "system":
            return replace(said, role=Role.SYSTEM, text=_text(version))
        case "assistant" | "tool":
            return _answered(said, version, left_out)
        case role:
            left_out[sender_of(role)] += 1
            return said


def _answered(said: Said, version: dict[str, Any], left_out: LeftOut) -> Said:
    steps = list_of(version.get("steps")) if version.get("type") == "multiStep" else [version]
    parts: list[Part] = []
    model, stats, whole = text_of(members_of(version.get("senderInfo")).get("senderName")), Stats(), True
    for step in map(members_of, steps):
        parts += _parts(step, left_out)
        made = members_of(step.get("genInfo"))
        if measured := members_of(made.get("stats")):
            stats = _stats(measured)
            whole = measured.get("stopReason") != "userStopped"
        model = text_of(made.get("identifier")) or model
    filled = replace(said, role=Role.REPLY, parts=tuple(parts), model=model, stats=stats, whole=whole)
    return filled if parts else said


def _parts(step: dict[str, Any], left_out: LeftOut) -> Iterator[Part]:
    """Yield what a step adds to the reply."""
    kind = text_of(step.get("type"))
    if kind in _NOT_SAID:
        return
    if kind not in {"contentBlock", "singleStep", ""}:
        left_out[kind] += 1
        return
    style = members_of(step.get("style"))
    content = step.get("content")
    texts = []
    for part in map(members_of, [{"type": "text", "text": content}] if isinstance(content, str) else list_of(content)):
        match text_of(part.get("type")):
            case "text":
                # What only marks where thinking begins and ends.
                if part.get("isStructural") is not True:
                    texts.append(text_of(part.get("text")))
            case "toolCallRequest":
                yield _call(part)
            case "toolCallResult":
                output = part.get("content")
                key = text_of(part.get("toolCallId")) or str(part.get("callId"))
                yield Result(key, text_of(part.get("name")), output if isinstance(output, str) else _written(output))
            case kind:
                left_out[f"{kind} in a reply" if kind else "part without a kind"] += 1
    text = "".join(texts)
    if text.strip():
        yield Reasoning(text, _seconds(style)) if style.get("type") == "thinking" else Message(text)


def _call(part: dict[str, Any]) -> Call:
    """Read a call: newer files have it in a member of its own."""
    made = members_of(part.get("toolCallRequest")) or part
    arguments = made.get("parameters") if "parameters" in made else made.get("arguments")
    key = text_of(made.get("toolCallRequestId")) or text_of(made.get("id")) or str(part.get("callId"))
    return Call(key, text_of(made.get("name")), arguments_of(arguments))


def _written(output: object) -> str:
    return joined((text_of(members_of(part).get("text")) for part in list_of(output)), "\n")


def _seconds(style: dict[str, Any]) -> float | None:
    """Return how long the model thought, as the title of the block says it."""
    found = _SECONDS.search(text_of(style.get("title")))
    if found is None:
        return None
    try:
        return float(found[1]) * (60 if found[2] == "minute" else 1)
    except ValueError:
        return None


def _stats(measured: dict[str, Any]) -> Stats:
    return Stats(
        input_tokens=whole_of(measured.get("promptTokensCount")),
        total_output_tokens=whole_of(measured.get("predictedTokensCount")),
        tokens_per_second=number_of(measured.get("tokensPerSecond")),
        time_to_first_token_seconds=number_of(measured.get("timeToFirstTokenSec")),
    )


def _text(version: dict[str, Any]) -> str:
    content = version.get("content")
    if isinstance(content, str):
        return text_of(content)
    parts = map(members_of, list_of(content))
    return joined(text_of(part.get("text")) for part in parts if part.get("type") == "text")


def _images(version: dict[str, Any], source: Source, left_out: LeftOut) -> Iterator[Image]:
    for part in map(members_of, list_of(version.get("content"))):
        kind = text_of(part.get("type"))
        if kind == "text":
            continue
        name = text_of(part.get("fileIdentifier"))
        if kind != "file" or part.get("fileType") != "image":
            left_out["attached file" if kind == "file" else kind or "part without a kind"] += 1
        elif (data := source.attached(name)) is not None and (image := source.picture(name, data)):
            yield image
        else:
            left_out["picture that is not there"] += 1
