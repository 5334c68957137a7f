"""Replies that are cut at any byte or are no replies: what came is kept, and every end has its own exit code."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from tests.support.conversation import opened
from tests.support.program import MODELS
from tests.support.scripted import STREAM_HEAD, Request, ScriptedServer, Steps, answer, chunk
from tests.trust.forking import Ended, Lmchat
from tests.trust.section import Section

_WORDS = ("Der ", "Himmel ", "ist ", "青い", ", ", "weil ", "Luft ", "blau ", "streut.")


def _events(*values: object) -> bytes:
    return b"".join(b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n" for value in values)


def _completed(output: list[object]) -> dict[str, object]:
    return {"id": "resp_1", "status": "completed", "model": "tiny", "output": output}


_TEXT = "".join(_WORDS)
REPLIES = {
    "lmstudio": _events(
        {"type": "chat.start", "model_instance_id": "tiny"},
        {"type": "message.start"},
        *({"type": "message.delta", "content": word} for word in _WORDS),
        {"type": "message.end"},
        {
            "type": "chat.end",
            "result": {
                "model_instance_id": "tiny",
                "output": [{"type": "message", "content": _TEXT}],
                "response_id": "resp_1",
            },
        },
    ),
    "completions": _events(
        *({"id": "c", "model": "tiny", "choices": [{"index": 0, "delta": {"content": word}}]} for word in _WORDS),
        {"id": "c", "model": "tiny", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    )
    + b"data: [DONE]\n\n",
    "responses": _events(
        {"type": "response.created", "response": {"id": "resp_1", "model": "tiny"}},
        *({"type": "response.output_text.delta", "output_index": 0, "delta": word} for word in _WORDS),
        {
            "type": "response.completed",
            "response": _completed(
                [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": _TEXT}]}]
            ),
        },
    ),
}
"""One whole reply in each dialect."""

_PIECES = (
    b"data: ", b"event: ", b"\n\n", b"\r\n", b"\n", b":", b"{}", b"[]", b"null", b'{"type":', b'"chat.end"',
    b'"result":', b"[DONE]",
    b'{"error":', b'{"choices":[{"delta":', b'{"output":[', b'"content":', b'"\\ud83d"', b"9" * 400, b"-1e999",
    b"NaN", b"\xff\xfe",
    b"\x00", b"\x1b[2J", b"[" * 200, b'{"a":' * 200, b"true",
    b'"' * 3, b"\\", b"\xe2\x80\xa8", b"response.completed", b"message.delta",
    b'"type":"response.failed"', b'"item":{"type":"function_call"}', b'"arguments":"{"',
    b'"tool_calls":[{"index":-1}]', b"<think>",
)  # fmt: skip


def run_cuts(lmchat: Lmchat, home: Path, every: int) -> Section:
    """Cut a reply of each dialect after every so many bytes; what was whole before the cut must be kept."""
    section = Section("cuts")
    for api, reply in REPLIES.items():
        for place in range(0, len(reply) + 1, every):
            name = f"{api}-{place}"
            ended = _asked(lmchat, home, api, name, [STREAM_HEAD, *_some(reply[:place])])
            whole = ended.status == 0
            fault = (
                "" if ended.in_order and ended.status in {0, 5} else f"{name}: status {ended.status}: {ended.stderr}"
            )
            if whole and ended.stdout.strip() != _TEXT:
                fault = f"{name}: {ended.stdout!r}"
            section.saw(ended.peak, fault)
            came = _came(api, reply[:place])
            kept = _kept(home, name)
            # Where nothing came, nothing has to be kept.
            if came and not (kept or "").startswith(came):
                section.losses += 1
                section.faults.append(f"{name}: {came!r} came, {kept!r} is kept")
    return section


def run_fuzz(lmchat: Lmchat, home: Path, count: int, seed: int = 5) -> Section:
    """Answer with replies that were changed at random, and with what is none."""
    section, chance = Section("fuzzed replies"), random.Random(seed)  # noqa: S311 - the same replies each time
    for number in range(count):
        api = chance.choice(list(REPLIES))
        content = _fuzzed(REPLIES[api], chance)
        streamed = chance.random() < 0.8
        flags = chance.choice([(), ("--no-stream",), ("--json",), ("--jsonl",), ("--markdown",)])
        at_once = answer(chance.choice([200, 200, 400, 500]), content)
        steps: Steps = [STREAM_HEAD, *_some(content)] if streamed else at_once
        ended = _asked(lmchat, home, api, f"fuzz-{number}", steps, *flags)
        last = f"{ended.stderr[-200:]}: {content[:200]!r}"
        fault = "" if ended.in_order else f"fuzz {number} ({api}): status {ended.status}: {last}"
        if any(ord(each) < 32 and each not in "\n\t" for each in ended.stderr):
            fault = f"fuzz {number}: stderr has control characters"
        section.saw(ended.peak, fault)
    return section


def _asked(lmchat: Lmchat, home: Path, api: str, name: str, steps: Steps, *flags: str) -> Ended:
    def served(request: Request) -> Steps:
        return steps if request.method == "POST" else answer(200, MODELS)

    with ScriptedServer(served) as server:
        return lmchat("--url", server.url, "--api", api, "ask", "-s", name, "-m", "tiny", *flags, name, home=home)


def _some(content: bytes) -> Iterator[bytes]:
    """Yield what is sent of a body that is broken off."""
    if content:
        yield chunk(content)


def _came(api: str, sent: bytes) -> str:
    """Return the text of the events that were whole."""
    text = ""
    for event in sent.split(b"\n\n")[:-1]:
        if not event.startswith(b"data: {"):
            continue
        data = json.loads(event[6:])
        text += data.get("content", "") if data.get("type") == "message.delta" else ""
        text += data.get("delta", "") if data.get("type") == "response.output_text.delta" else ""
        text += "".join(each["delta"].get("content", "") for each in data.get("choices", ()))
    return text


def _kept(home: Path, name: str) -> str | None:
    """Return the text of the only turn of a session; None where there is none."""
    with opened(home) as store:
        if not store.has(name):
            return None
        turns = list(store.find(name).turns.values())
    return turns[0].reply.text if turns else ""


def _fuzzed(reply: bytes, chance: random.Random) -> bytes:
    """Change a reply at random places, or make one of pieces."""
    if chance.random() < 0.4:
        return b"".join(chance.choice(_PIECES) for _ in range(chance.randrange(60)))
    changed = bytearray(reply)
    for _ in range(chance.randrange(1, 8)):
        place = chance.randrange(len(changed))
        match chance.randrange(3):
            case 0:
                changed[place] = chance.randrange(256)
            case 1:
                changed[place:place] = chance.choice(_PIECES)
            case _:
                del changed[place : place + chance.randrange(1, 40)]
    return bytes(changed)
