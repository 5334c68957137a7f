"""Where choices are drawn and keys come from; or a numbered list, in a terminal that cannot be painted."""

from collections.abc import Callable, Sequence
from typing import TextIO

from prompt_toolkit.input import Input, create_input
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import BaseStyle, Style

from lmchat.dataclass import dataclass
from lmchat.render.messages import show_question
from lmchat.render.text import sanitize_line
from lmchat.repl.matching import Offer, matching
from lmchat.world import World


@dataclass(frozen=True, slots=True)
class Screen:
    """A terminal with its looks; `depth` is None where the library finds out how many colours there are."""

    source: Input
    output: Output
    style: BaseStyle
    depth: ColorDepth | None = None


def screen_of(world: World, *, colours: bool = True) -> Screen:
    """Return the terminal for a choice where no REPL runs: it is drawn on stderr, and gone afterwards."""
    style = Style.from_dict({"prompt": "bold ansicyan", "status": "dim"})
    return Screen(create_input(world.stdin), output_to(world.stderr), style, depth_for(colours=colours))


def depth_for(*, colours: bool) -> ColorDepth | None:
    """Return the depth of colours for the library: none at all, or what the terminal has."""
    return None if colours else ColorDepth.DEPTH_1_BIT


def output_to(screen: TextIO) -> Output:
    """Return the library's way to draw on a terminal, which is not asked where its cursor is.

    Asking delays the first key over slow lines, makes a terminal that does not answer wait a second in the end, and
    leaves answers that come late where nothing reads them.
    """
    output = create_output(screen)
    if isinstance(output, Vt100_Output):
        output.enable_cpr = False
    return output


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
