"""How turns and listings are shown: what flags, settings and the terminal say becomes what `render` chooses by."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from lmchat.advice import Action, Advice, Do
from lmchat.app.invocation import Invocation, settings_of
from lmchat.dataclass import replace
from lmchat.render.terminal import DEFAULT_PROSE_WIDTH, Theme, When, size_of, theme_for
from lmchat.settings import Settings

if TYPE_CHECKING:
    from lmchat.app.conversation import Conversation
    from lmchat.chat.exchange import Event, Exchange
    from lmchat.chat.session import Session, Turn
    from lmchat.render.margin import Thoughts
    from lmchat.render.views import View


def theme_of(invocation: Invocation) -> Theme:
    """Choose the looks for stdout; raise SettingsError where `color` is none of its three words."""
    settings, world = settings_of(invocation), invocation.world
    return text_theme(
        theme_for(world.environ, terminal=world.stdout.isatty(), colour=When(settings.text("color"))), settings
    )


def text_theme(theme: Theme, settings: Settings) -> Theme:
    """Return the theme with formulas and prose as the settings want them."""
    return replace(theme, unicode_maths=settings.text("maths") == "unicode", prose_width=_prose_width(settings))


def _prose_width(settings: Settings) -> int:
    return int(settings.number("width") or DEFAULT_PROSE_WIDTH)


def width_of(invocation: Invocation) -> int | None:
    """Return the width of the terminal, None in a pipe, where nothing is cut."""
    world = invocation.world
    return size_of(world.stdout, world.environ)()[0] if world.stdout.isatty() else None


_MARKDOWN = {"always": True, "never": False, "auto": None}


def view_for(
    conversation: "Conversation", context_length: int | None = None, queued: Callable[[], str] = lambda: ""
) -> "View":
    """Make what shows one turn.

    `context_length` is the size of the model's context in tokens, if known; `queued` returns what is typed meanwhile.
    """
    from lmchat.render.margin import DisplayOptions
    from lmchat.render.views import ViewOptions, choose_view

    settings, flags = conversation.settings, conversation.flags
    manner = ViewOptions(
        json=flags.as_json,
        jsonl=flags.as_jsonl,
        markdown=_MARKDOWN[settings.text("markdown")],
        colour=When(settings.text("color")),
        code_theme=settings.text("code_theme"),
        unicode_maths=settings.text("maths") == "unicode",
        prose_width=_prose_width(settings),
        wanted=DisplayOptions(thoughts_of(settings), stats=settings.flag("stats"), context_length=context_length),
        queued=queued,
    )
    return choose_view(conversation.world, manner)


class LaterView:
    """The view of one turn, made when there is something to show: what makes it is loaded while the server thinks."""

    def __init__(self, conversation: "Conversation") -> None:
        self._conversation = conversation
        self._view: View | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._made().__exit__(kind, error, trace)

    def show(self, event: "Event") -> None:
        """Show one event."""
        self._made().show(event)

    def finish(self, document: dict[str, Any]) -> None:
        """Show the turn's document, where scripts want it."""
        self._made().finish(document)

    def _made(self) -> "View":
        if self._view is None:
            self._view = view_for(self._conversation).__enter__()
        return self._view


def thoughts_of(settings: Settings, wanted: bool | None = None) -> "Thoughts":
    """Tell what becomes of reasoning: folded unless `wanted` or the settings say otherwise."""
    from lmchat.render.margin import Thoughts

    if wanted is not None:
        return Thoughts.SHOW if wanted else Thoughts.HIDE
    if not settings.is_set("show_reasoning"):
        return Thoughts.FOLD
    return Thoughts.SHOW if settings.flag("show_reasoning") else Thoughts.HIDE


def remarks(conversation: "Conversation", exchange: "Exchange") -> Iterator[Advice]:
    """Yield what a person must know of a reply besides its words."""
    turn = exchange.turn
    if turn.cut is not None:
        session = exchange.session.name
        kept = conversation.private is None and session
        way_on: Advice = (" ", Do(Action.CONTINUE, session), " asks for the rest.") if kept else ()
        yield (f"The reply was cut off: {turn.cut.why}.", *way_on)
    if dropped := _dropped(exchange.session, turn):
        yield dropped


def fullness(conversation: "Conversation", exchange: "Exchange") -> Advice | None:
    """Say that the context is nearly full, as far as the settings want to know; None where it is not."""
    turn = exchange.turn
    limit, used = conversation.settings.number("context_warning"), turn.reply.stats.context_used
    room = conversation.context_size(turn.reply, exchange.session)
    if limit is None or used is None or not room or used / room < limit:
        return None
    return (
        f"{used / room:.0%} of the context is used ({used:,} of {room:,} tokens); a full one loses its oldest turns. ",
        "More room: ",
        Do(Action.LOAD_MODEL, f"{turn.model} context_length={2 * room}"),
    )


def _dropped(session: "Session", turn: "Turn") -> str:
    """Say that the server read less than for the turn before: what is asked comes to all that was read then."""
    before = None if turn.parent is None else session.turns.get(turn.parent)
    if before is None or before.summary or (before.model, before.system) != (turn.model, turn.system):
        return ""
    old, new = before.reply.stats.input_tokens, turn.reply.stats.input_tokens
    if old is None or new is None or new >= old:
        return ""
    return (
        f"The server dropped the oldest turns, for lack of room: it read {new:,} tokens, "
        f"and {old:,} for the turn before."
    )
