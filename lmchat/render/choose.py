"""Which way a turn is shown: by what stdout is, by the flags, by `NO_COLOR` and its kin."""

from dataclasses import dataclass, field

from lmchat.render.margin import Margin, Wanted
from lmchat.render.plain import PlainPage
from lmchat.render.shows import JsonlShow, JsonShow, PageShow, Show
from lmchat.render.terminal import moves_cursor
from lmchat.render.theme import When, theme_for
from lmchat.world import World


@dataclass(frozen=True, slots=True)
class Manner:
    """Hold the flags that say how a turn is shown; `markdown` is None where none chooses."""

    json: bool = False
    jsonl: bool = False
    markdown: bool | None = None
    colour: When = When.AUTO
    code_theme: str = ""
    wanted: Wanted = field(default_factory=Wanted)


def choose(world: World, manner: Manner) -> Show:
    """Choose what shows a turn; what renders Markdown is loaded only where it is shown."""
    stdout, environ = world.stdout, world.environ
    beside = theme_for(environ, terminal=world.stderr.isatty(), colour=manner.colour)
    if manner.jsonl or manner.json:
        margin = Margin(world, beside, manner.wanted)
        return JsonlShow(stdout, margin) if manner.jsonl else JsonShow(stdout, margin)
    paints = moves_cursor(stdout, environ)
    if manner.markdown is False or (manner.markdown is None and not paints):
        return PageShow(PlainPage(stdout), Margin(world, beside, manner.wanted))
    theme = theme_for(environ, terminal=stdout.isatty(), colour=manner.colour, code_theme=manner.code_theme)
    if paints:
        from lmchat.render.screen import Screen

        return Screen(world, theme, manner.wanted)
    from lmchat.render.markdown.page import MarkdownPage

    return PageShow(MarkdownPage(world, theme), Margin(world, beside, manner.wanted))
