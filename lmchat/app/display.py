"""How turns and listings are shown: what flags, settings and the terminal say becomes what `render` chooses by."""

from lmchat.app.conversation import Conversation, settings_of
from lmchat.app.invocation import Invocation
from lmchat.render.margin import DisplayOptions, Thoughts
from lmchat.render.terminal import size_of
from lmchat.render.theme import Theme, When, theme_for
from lmchat.render.views import View, ViewOptions, choose_view
from lmchat.settings import Settings


def theme_of(invocation: Invocation) -> Theme:
    """Choose the looks for stdout; raise SettingsError where `color` is none of its three words."""
    colour = When(settings_of(invocation).text("color"))
    return theme_for(invocation.world.environ, terminal=invocation.world.stdout.isatty(), colour=colour)


def width_of(invocation: Invocation) -> int | None:
    """Return the width of the terminal, None in a pipe, where nothing is cut."""
    world = invocation.world
    return size_of(world.stdout, world.environ)()[0] if world.stdout.isatty() else None


_MARKDOWN = {"always": True, "never": False, "auto": None}


def view_for(conversation: Conversation, context_length: int | None = None) -> View:
    """Make what shows one turn; `context_length` is the size of the model's context in tokens, if known."""
    settings, flags = conversation.settings, conversation.flags
    manner = ViewOptions(
        json=flags.as_json,
        jsonl=flags.as_jsonl,
        markdown=_MARKDOWN[settings.text("markdown")],
        colour=When(settings.text("color")),
        code_theme=settings.text("code_theme"),
        wanted=DisplayOptions(thoughts_of(settings), stats=settings.flag("stats"), context_length=context_length),
    )
    return choose_view(conversation.world, manner)


def thoughts_of(settings: Settings, wanted: bool | None = None) -> Thoughts:
    """Tell what becomes of reasoning: folded unless `wanted` or the settings say otherwise."""
    if wanted is not None:
        return Thoughts.SHOW if wanted else Thoughts.HIDE
    if not settings.is_set("show_reasoning"):
        return Thoughts.FOLD
    return Thoughts.SHOW if settings.flag("show_reasoning") else Thoughts.HIDE
