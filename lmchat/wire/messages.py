"""How the turns that a server does not have are sent to it: as messages with roles, or as one text.

LM Studio's own API takes no assistant messages, so there they go in front of the prompt as a recap.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence

from lmchat.chat.exchange import ChatRequest
from lmchat.chat.session import Outcome, Turn
from lmchat.chat.values import Image, OptionValue
from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError

_OPENING = "Here is our conversation so far, which you cannot see otherwise."
_CLOSING = "The conversation so far ends here. Now answer my next message:"


@dataclass(frozen=True, slots=True)
class RoleMessage:
    """One message: who said it (`system`, `user` or `assistant`), its text and its pictures."""

    role: str
    text: str
    images: tuple[Image, ...] = ()


def messages(request: ChatRequest) -> list[RoleMessage]:
    """Return the turns of a request and its prompt as messages.

    The system prompt goes first, unless the chain that is followed has it. Two messages of one role in a row are
    joined: the templates of many models refuse them.
    """
    joined: list[RoleMessage] = []
    for message in _all(request):
        if joined and joined[-1].role == message.role:
            before = joined.pop()
            text = "\n\n".join(each for each in (before.text, message.text) if each)
            joined.append(RoleMessage(message.role, text, before.images + message.images))
        else:
            joined.append(message)
    return joined


def data_url(image: Image) -> str:
    """Return a picture as a URL that contains it."""
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode('ascii')}"


def options(request: ChatRequest, names: Mapping[str, str | None]) -> dict[str, OptionValue]:
    """Return the options that are set, by the route's own names; one that `names` has no name for is refused."""
    if request.integrations:
        raise BadUseError(
            "This server's API has no integrations.", hint="LM Studio's own API has; leave them out for this server."
        )
    given = {}
    for name, value in request.options.given().items():
        own = names.get(name, name)
        if own is None:
            raise BadUseError(f"This server has no option '{name}'.", hint="Leave it out for this server.")
        given[own] = value
    return given


def _all(request: ChatRequest) -> Iterator[RoleMessage]:
    if request.follows is None:
        notes = [turn.reply.text for turn in request.history if turn.summary]
        system = [request.system_prompt, *(f"Summary of the conversation so far: {note}" for note in notes)]
        if request.left_out:
            system.append(f"({request.left_out} earlier messages are left out.)")
        if any(system):
            yield RoleMessage("system", "\n\n".join(each for each in system if each))
    for turn in request.history:
        if not turn.summary:
            yield from _turn(turn)
    yield RoleMessage("user", request.prompt.text, request.prompt.images)


def _turn(turn: Turn) -> Iterator[RoleMessage]:
    yield RoleMessage("user", turn.prompt.text, turn.prompt.images)
    tools = ", ".join(call.tool for call in turn.reply.tool_calls if call.tool)
    said = turn.reply.text or (f"(called tools: {tools})" if tools else "")
    if said:
        yield RoleMessage("assistant", said)


def recap(turns: Sequence[Turn], left_out: int = 0) -> str:
    """Write `turns` (oldest first) as one text, or an empty one for no turns.

    `left_out` says how many still older turns are missing from it.
    """
    if not turns:
        return ""
    missing = [f"({left_out} earlier messages are left out.)"] if left_out else []
    parts = [part for turn in turns for part in _recapped(turn)]
    return "\n\n".join([_OPENING, *missing, *parts, _CLOSING])


def _recapped(turn: Turn) -> list[str]:
    if turn.summary:
        return [f"Summary of everything before: {turn.reply.text}"]
    pictures = "".join(f" [picture: {image.name}]" for image in turn.prompt.images)
    asked = f"I said: {turn.prompt.text}{pictures}"
    if turn.outcome is Outcome.COMPLETE:
        tools = ", ".join(call.tool for call in turn.reply.tool_calls if call.tool)
        return [asked, f"You answered: {turn.reply.text}" if turn.reply.text else f"You called tools only: {tools}"]
    if turn.reply.text:
        return [asked, f"You answered, but were cut short: {turn.reply.text}"]
    return [asked, "You had not answered yet when you were cut short."]
