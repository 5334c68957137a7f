"""How a turn is shown: flags and settings become what render chooses by."""

from lmchat.cli.house import House
from lmchat.cli.wishes import Wishes
from lmchat.render.choose import Manner, choose
from lmchat.render.margin import Thoughts, Wanted
from lmchat.render.shows import Show
from lmchat.render.theme import When
from lmchat.settings import Settings

_MARKDOWN = {"always": True, "never": False, "auto": None}


def shown(house: House, wishes: Wishes, context_length: int | None = None) -> Show:
    """Make what shows one turn; `context_length` is how many tokens the model holds, where it is known."""
    settings = house.settings
    manner = Manner(
        json=wishes.as_json,
        jsonl=wishes.as_jsonl,
        markdown=_MARKDOWN[settings.text("markdown")],
        colour=When(settings.text("color")),
        code_theme=settings.text("code_theme"),
        wanted=Wanted(_thoughts(settings), stats=settings.flag("stats"), context_length=context_length),
    )
    return choose(house.world, manner)


def _thoughts(settings: Settings) -> Thoughts:
    """Fold reasoning unless somebody said otherwise."""
    if not settings.is_set("show_reasoning"):
        return Thoughts.FOLD
    return Thoughts.SHOW if settings.flag("show_reasoning") else Thoughts.HIDE
