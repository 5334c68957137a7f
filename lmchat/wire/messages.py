"""A conversation as role-tagged messages, and what the two OpenAI-style routes refuse."""

import base64
from collections.abc import Iterator, Mapping

from lmchat.chat.exchange import ChatRequest
from lmchat.chat.session import Turn
from lmchat.chat.values import Image, OptionValue
from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError


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
