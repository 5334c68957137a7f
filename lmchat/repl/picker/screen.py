"""Where choices are drawn and keys come from: the terminal as the library takes it."""

from dataclasses import dataclass
from typing import TextIO

from prompt_toolkit.input import Input, create_input
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import BaseStyle, Style

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
