"""The recap: earlier turns as text, for a server that does not have them.

Assistant messages cannot be sent (PROTOCOL.md section 2), so what the server lacks stands in front of the prompt.
"""

from collections.abc import Sequence

from lmchat.chat.session import Outcome, Turn
from lmchat.chat.values import Image

_OPENING = "Here is our conversation so far, which you cannot see otherwise."
_CLOSING = "The conversation so far ends here. Now answer my next message:"


def recap(turns: Sequence[Turn], left_out: int = 0) -> str:
    """Write `turns` (oldest first) as one text, or an empty one for no turns.

    `left_out` says how many still older turns are missing from it.
    """
    if not turns:
        return ""
    missing = [f"({left_out} earlier messages are left out.)"] if left_out else []
    told = [part for turn in turns for part in _told(turn)]
    return "\n\n".join([_OPENING, *missing, *told, _CLOSING])


def recap_images(turns: Sequence[Turn]) -> tuple[Image, ...]:
    """Return the pictures of `turns`, each once, in their order."""
    return tuple(dict.fromkeys(image for turn in turns for image in turn.prompt.images))


def _told(turn: Turn) -> list[str]:
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
