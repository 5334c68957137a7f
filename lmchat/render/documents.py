"""JSON for scripts: the document of a turn, of an error, and the events of a stream, in the API's own words.

It must not know terminals: JSON escapes control characters by itself.
"""

import json
from typing import Any, TextIO, assert_never

from lmchat.chat.events import (
    Branched,
    Event,
    Fault,
    Finished,
    MessageDelta,
    PartEnded,
    PartStarted,
    Progress,
    Quiet,
    ReasoningDelta,
    Resending,
    Started,
    ToolDone,
    ToolFailed,
    ToolNamed,
    ToolStarted,
    Unknown,
)
from lmchat.chat.session import Turn
from lmchat.chat.values import InvalidToolCall, Item, Message, Provider, Reasoning, Reply, ToolCall
from lmchat.errors import ExitStatus, LmchatError, RefusedError
from lmchat.render.text import SURROGATE

Document = dict[str, Any]


def write_document(stream: TextIO, document: Any) -> None:
    """Write one JSON document and a newline at once."""
    text = json.dumps(document, ensure_ascii=False)
    if SURROGATE.search(text):  # the one thing UTF-8 cannot carry: escaped, it survives
        text = json.dumps(document)
    stream.write(text + "\n")
    stream.flush()


def turn_document(
    turn: Turn, *, session: str | None, previous_response_id: str | None = None, unsent_turns: int = 0
) -> Document:
    """Describe a turn as `ask --json` prints it; the session is None for a private one."""
    reply = turn.reply
    return {
        "session": session,
        "turn": turn.id if session is not None else None,
        "parent": turn.parent,
        "outcome": turn.outcome.value,
        "text": reply.text,
        "reasoning": reply.reasoning or None,
        "tool_calls": [item_document(call) for call in reply.tool_calls],
        "model": turn.model,
        "model_instance_id": reply.model_instance_id,
        "response_id": reply.response_id,
        "previous_response_id": previous_response_id,
        "unsent_turns": unsent_turns,
        "stats": reply.stats.given(),
    }


def error_document(error: LmchatError) -> Document:
    """Describe a failure as scripts get it."""
    return failure_document(error.kind, error.message, error.hint, error.status)


def failure_document(kind: str, message: str, hint: str, status: ExitStatus) -> Document:
    """Describe a failure that is no LmchatError (a bug, Ctrl-C)."""
    return {"error": {"kind": kind, "message": message, "hint": hint, "exit_code": int(status)}}


def item_document(item: Item) -> Document:
    """Describe one item of a reply as the API does (PROTOCOL.md section 3)."""
    match item:
        case Message(text):
            return {"type": "message", "content": text}
        case Reasoning(text):
            return {"type": "reasoning", "content": text}
        case ToolCall(tool, arguments, output, provider):
            call = {"type": "tool_call", "tool": tool, "arguments": dict(arguments), "output": output}
            return call | _provider(provider)
        case InvalidToolCall(reason, tool, kind, arguments, provider):
            metadata: Document = {"type": kind, "tool_name": tool} | _provider(provider)
            if arguments is not None:
                metadata["arguments"] = dict(arguments)
            return {"type": "invalid_tool_call", "reason": reason, "metadata": metadata}
        case _:
            assert_never(item)


def reply_document(reply: Reply) -> Document:
    """Describe a whole reply as `chat.end` brings it (PROTOCOL.md section 3)."""
    document: Document = {
        "model_instance_id": reply.model_instance_id,
        "output": [item_document(item) for item in reply.items],
        "stats": reply.stats.given(),
    }
    return document if reply.response_id is None else document | {"response_id": reply.response_id}


def event_document(event: Event) -> Document | None:  # noqa: C901 - one case for each kind of event
    """Describe an event as the server sent it (PROTOCOL.md section 4); None for one that is only a pause."""
    match event:
        case Started(model_instance_id):
            return {"type": "chat.start", "model_instance_id": model_instance_id}
        case Progress(phase, fraction, done):
            known = {} if fraction is None else {"progress": fraction}
            step = "end" if done else "start" if fraction is None else "progress"
            return {"type": f"{phase.value}.{step}"} | known
        case PartStarted(part):
            return {"type": f"{part.value}.start"}
        case PartEnded(part):
            return {"type": f"{part.value}.end"}
        case ReasoningDelta(text):
            return {"type": "reasoning.delta", "content": text}
        case MessageDelta(text):
            return {"type": "message.delta", "content": text}
        case ToolStarted() | ToolNamed() | ToolDone() | ToolFailed():
            return _tool_event(event)
        case Fault(error):
            return {"type": "error", "error": _refusal(error)}
        case Finished(reply):
            return {"type": "chat.end", "result": reply_document(reply)}
        case Unknown(name, data):
            return {"type": name} | dict(data)
        case Quiet():
            return None
        case Resending(reason, turns, characters, left_out):
            sizes = {"turns": turns, "characters": characters, "left_out": left_out}
            return {"type": "lmchat.resending", "reason": reason.name.lower()} | sizes
        case Branched(turn):
            return {"type": "lmchat.branched", "turn": turn}
        case _:
            assert_never(event)


def _tool_event(event: ToolStarted | ToolNamed | ToolDone | ToolFailed) -> Document:
    match event:
        case ToolStarted(tool, provider):
            named = {"tool": tool} if tool else {}
            return {"type": "tool_call.start"} | named | _provider(provider)
        case ToolNamed(tool, None, provider):
            return {"type": "tool_call.name", "tool_name": tool} | _provider(provider)
        case ToolNamed(tool, arguments, provider):
            return {"type": "tool_call.arguments", "tool": tool, "arguments": arguments} | _provider(provider)
        case ToolDone(call):
            return item_document(call) | {"type": "tool_call.success"}
        case ToolFailed(call):
            return item_document(call) | {"type": "tool_call.failure"}
        case _:
            assert_never(event)


def _provider(provider: Provider | None) -> Document:
    if provider is None:
        return {}
    key = "server_label" if provider.kind == "ephemeral_mcp" else "plugin_id"
    return {"provider_info": {"type": provider.kind, key: provider.name}}


def _refusal(error: RefusedError) -> Document:
    optional = {"code": error.code, "param": error.param}
    known = {name: value for name, value in optional.items() if value}
    return {"type": error.error_type, "message": error.message} | known
