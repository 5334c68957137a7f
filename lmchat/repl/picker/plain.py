"""A choice in a terminal that cannot be painted: a numbered list, and a question that takes a number or a name."""

from collections.abc import Callable, Sequence

from lmchat.render.failures import show_question
from lmchat.render.sanitize import sanitize_line
from lmchat.repl.matching import Offer, matching
from lmchat.world import World

_MOST = 50


def typed_at(world: World) -> Callable[[str], str]:
    """Return what asks a question on stderr and reads a line, where no REPL runs."""

    def asked(question: str) -> str:
        show_question(world, question)
        return world.stdin.readline()

    return asked


def chosen_by_number(
    title: str, offers: Sequence[Offer], write: Callable[[str], object], ask: Callable[[str], str]
) -> str | None:
    """List what there is and ask for one of it; None for an empty answer, and for one that fits nothing."""
    for number, (value, said) in enumerate(offers[:_MOST], 1):
        write(f"{number}. {sanitize_line(' '.join(filter(None, (value, said))))}\n")
    if len(offers) > _MOST:
        write(f"and {len(offers) - _MOST:,} more, by name\n")
    try:
        answer = ask(f"{title} Its number or name, or nothing: ").strip()
    except (EOFError, KeyboardInterrupt):
        return None
    if answer.isascii() and answer.isdigit() and 0 < int(answer) <= min(len(offers), _MOST):
        return offers[int(answer) - 1][0]
    fitting = matching(answer, offers) if answer else []
    return fitting[0][0] if fitting else None
