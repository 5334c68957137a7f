"""JSON for scripts: the documents of a turn and of an error in the API's own terms, and the view that writes them."""

import json
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO, assert_never

from lmchat.chat.session import Turn
from lmchat.chat.values import InvalidToolCall, Provider, ToolCall
from lmchat.errors import LmchatError
from lmchat.render.text import UNSAFE

if TYPE_CHECKING:
    from lmchat.chat.exchange import Event
    from lmchat.render.margin import Margin

Document = dict[str, Any]


def write_document(stream: TextIO, document: Any) -> None:
    """Write one JSON document and a newline in one piece."""
    text = json.dumps(document, ensure_ascii=False)
    # Half characters, which UTF-8 cannot carry, and control characters are written as escapes.
    text = UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    stream.write(text + "\n")
    stream.flush()


def turn_document(
    turn: Turn, *, session: str | None, previous_response_id: str | None = None, unsent_turns: int = 0
) -> Document:
    """Return a turn as `ask --json` prints it; the session is None for a private one."""
    reply = turn.reply
    return {
        "session": session,
        "turn": turn.id if session is not None else None,
        "parent": turn.parent,
        "outcome": turn.outcome.value,
        "reason": turn.cut.value if turn.cut else None,
        "text": reply.text,
        "reasoning": reply.reasoning or None,
        "tool_calls": [_call_document(call) for call in reply.tool_calls],
        "model": turn.model,
        "model_instance_id": reply.model_instance_id,
        "response_id": reply.response_id,
        "previous_response_id": previous_response_id,
        "unsent_turns": unsent_turns,
        "stats": reply.stats.given(),
    }


def error_document(error: LmchatError) -> Document:
    """Return an error as scripts get it."""
    content = {"kind": error.kind, "message": error.message, "hint": error.hint, "exit_code": int(error.status)}
    return {"error": content}


def _call_document(call: ToolCall | InvalidToolCall) -> Document:
    """Return a tool call in the form of the API (PROTOCOL.md section 3)."""
    match call:
        case ToolCall(tool, arguments, output, provider):
            document = {"type": "tool_call", "tool": tool, "arguments": dict(arguments), "output": output}
            return document | _provider(provider)
        case InvalidToolCall(reason, tool, kind, arguments, provider):
            metadata: Document = {"type": kind, "tool_name": tool} | _provider(provider)
            if arguments is not None:
                metadata["arguments"] = dict(arguments)
            return {"type": "invalid_tool_call", "reason": reason, "metadata": metadata}
        case _:
            assert_never(call)


def _provider(provider: Provider | None) -> Document:
    if provider is None:
        return {}
    key = "server_label" if provider.kind == "ephemeral_mcp" else "plugin_id"
    return {"provider_info": {"type": provider.kind, key: provider.name}}


class JsonView:
    """A view that writes only the document of the finished turn.

    With `lines` the server's own events come before it, one a line: the document then says what it is.
    """

    def __init__(self, stream: TextIO, margin: "Margin", *, lines: bool) -> None:
        self._stream = stream
        self._lines = lines
        self._margin = margin

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._margin.close()

    def show(self, event: "Event") -> None:
        """Show progress and notes."""
        self._margin.show(event)

    def finish(self, document: dict[str, Any]) -> None:
        """Write the document of the turn."""
        self._margin.begin_answer()
        write_document(self._stream, {"type": "lmchat.turn"} | document if self._lines else document)
