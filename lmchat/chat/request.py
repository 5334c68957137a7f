"""One turn as it is asked of a server: values only, how they are written is the dialect's business."""

from collections.abc import Mapping
from typing import Any

from lmchat.chat.session import Turn
from lmchat.chat.values import Integration, Options, Prompt, ResponseId
from lmchat.dataclass import dataclass, field


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A prompt, and everything a server needs to answer it.

    `follows` is the reply that the server keeps and this prompt comes after; `history` are the turns since, which the
    server lacks, oldest first, and `left_out` counts still older ones that have no room. `system_prompt` is always
    set where there is one, also where the chain that is followed has it already. A reply with a `schema` is JSON of
    that form.
    """

    model: str
    prompt: Prompt
    follows: ResponseId | None = None
    history: tuple[Turn, ...] = ()
    left_out: int = 0
    system_prompt: str = ""
    options: Options = field(default_factory=Options)
    integrations: tuple[Integration, ...] = ()
    store: bool = True
    schema: Mapping[str, Any] | None = None

    @property
    def resent_characters(self) -> int:
        """Return how many characters of earlier turns are sent, without what a dialect writes around them."""
        return sum(len(turn.prompt.text) + len(turn.reply.text) for turn in self.history)
