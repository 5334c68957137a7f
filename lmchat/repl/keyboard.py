"""Where the person types: the input line with its history, keys, completion and toolbar; questions and choices."""

import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.application.current import get_app_or_none
from prompt_toolkit.completion import Completer, DummyCompleter
from prompt_toolkit.cursor_shapes import ModalCursorShapeConfig
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import is_done
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.layout import ConditionalContainer, FormattedTextControl, HSplit, Window
from prompt_toolkit.output import Output

from lmchat.app.programs import edited
from lmchat.chat.values import join_surrogates
from lmchat.dataclass import dataclass
from lmchat.errors import LmchatError
from lmchat.render.text import cells, sanitize
from lmchat.repl.editing import (
    Cleared,
    Folds,
    Left,
    Line,
    Shortcut,
    Typed,
    Unfolding,
    bindings,
    know_new_line,
    offer_commands,
    typing_command,
    vi_mode,
)
from lmchat.repl.history import FromHistory, SharedHistory
from lmchat.repl.line import BANG, SLASH, as_mentions, literal, plain
from lmchat.repl.picker.browser import Browser, Picked
from lmchat.repl.picker.choice import Choices, Screen, chosen, chosen_by_number, depth_for, style
from lmchat.repl.picker.sessions import picked_session
from lmchat.repl.terminal import Terminal, TypedAhead

PROMPT, CONTINUATION = "> ", "… "
_MENU_ROWS = 8
_ESCAPE_SECONDS = 0.05
"""How long, with vi's keys, an Escape may be the beginning of another key."""
_NOTICE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class PromptOptions:
    """How the input line behaves; `history` is its file, None where nothing may be written.

    `focus` tells that the terminal is asked to say when its window gets and loses the focus.
    """

    environ: Mapping[str, str]
    history: Path | None = None
    vi: bool = False
    colours: bool = True
    focus: bool = False


class Keyboard:
    """Where lines, answers and choices are typed."""

    def __init__(self, source: Input, output: Output, terminal: Terminal, manner: PromptOptions) -> None:
        know_new_line()
        self.terminal = terminal
        self._manner = manner
        self._source, self._output = source, output
        self._status: Callable[[int], str] = lambda _width: ""
        self._notice = ""
        self._folds = Folds()
        self._is_command: Callable[[str], bool] = lambda _line: False
        self._ahead = TypedAhead(source, terminal)
        shared = SharedHistory(manner.history, self._folds) if manner.history else None
        self._session: PromptSession[str | Cleared | Shortcut] = self._prompting(
            multiline=True,
            editing_mode=EditingMode.VI if manner.vi else EditingMode.EMACS,
            key_bindings=bindings(self._edited, self._pasted, lambda: bool(self._notice), self._folds),
            history=shared or InMemoryHistory(),
            auto_suggest=FromHistory(shared.begun_with) if shared and terminal.escapes else None,
            cursor=ModalCursorShapeConfig() if manner.vi and terminal.escapes else None,
            complete_while_typing=False,
            enable_history_search=~typing_command,
            prompt_continuation=_continued,
            input_processors=[Unfolding(self._folds.shown)],
            enable_suspend=True,
            style=style(colours=manner.colours),
            color_depth=depth_for(colours=manner.colours),
            include_default_pygments_style=False,
        )
        if manner.vi:
            self._session.app.ttimeoutlen = _ESCAPE_SECONDS
        self._session.default_buffer.on_text_insert += offer_commands
        self._session.app.before_render += self._leave_room
        self._session.app.key_processor.after_key_press += self._drop_notice
        self._add_toolbar()

    def line(
        self,
        status: Callable[[int], str],
        *,
        completer: Completer | None = None,
        is_command: Callable[[str], bool] = lambda _line: False,
        draft: str = "",
        notice: str = "",
    ) -> Line:
        """Read one line, with `draft` in it already.

        `status` writes the toolbar for a width; `notice` is in front of it for 2 seconds, or until a key is pressed.
        `is_command` tells which pasted line is a command.
        A line that is cut short, because the terminal is closed or a signal ends the program, stays in the history.
        """
        self._status, self._notice, self._is_command = status, notice, is_command
        self._session.app.erase_when_done = False
        self._ahead.hand_over()
        # Without escapes, the library shows nothing of what is in the line from the beginning.
        shown = "" if self.terminal.escapes else sanitize(plain(draft))
        try:
            got = self._session.prompt(
                [("class:prompt", PROMPT), ("", shown)],
                default=self._folds.fold(draft),
                completer=completer or DummyCompleter(),
                pre_run=self._time_notice,
                handle_sigint=signal.getsignal(signal.SIGINT) is not signal.SIG_IGN,
            )
        except EOFError:
            self._keep_unsent()
            return Left()
        except KeyboardInterrupt:
            return Cleared(empty=False)
        except BaseException:
            self._keep_unsent()
            raise
        finally:
            self.terminal.quiet()
        # What was no UTF-8 when it was typed comes as halves of characters.
        return got if isinstance(got, Cleared | Shortcut) else Typed(join_surrogates(self._folds.whole(got)))

    @property
    def focused(self) -> bool | None:
        """Tell whether the window has the focus, None where the terminal has not said so."""
        return getattr(self._source, "focused", None)

    def typed_ahead(self) -> str:
        """Return what is typed while a reply runs and waits for the next prompt, as it is shown."""
        return self._ahead.look()

    def redraw(self) -> None:
        """Draw the line again, with what the toolbar says now; any thread may ask for it."""
        self._session.app.invalidate()

    def again(self) -> None:
        """Read keys again after the program was stopped, and draw the line below what came meanwhile."""
        app = get_app_or_none()
        if app is None or app.loop is None:
            return
        self._source.raw_mode().__enter__()
        if app.renderer.last_rendered_screen is None:  # for Ctrl-Z the library took the line away, and draws it again
            return

        def draw() -> None:
            app.renderer.reset()
            app.invalidate()

        # Not at once: this may run in the middle of a write to the terminal.
        app.loop.call_soon_threadsafe(draw)

    def clear(self) -> None:
        """Clear the screen that is typed at."""
        self._output.erase_screen()
        self._output.cursor_goto(0, 0)
        self._output.flush()

    def confirmed(self, question: str) -> bool:
        """Ask a question that is answered with yes or no; anything but a yes is a no."""
        asking: PromptSession[str] = self._prompting()
        try:
            return asking.prompt(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
        except (EOFError, KeyboardInterrupt):
            return False
        finally:
            self.terminal.quiet()

    def chosen(self, title: str, choices: Choices) -> str | None:
        """Let the person choose one of several, None where they leave it."""
        try:
            if self.terminal.escapes:
                return chosen(title, choices, self.screen)
            return chosen_by_number(title, choices.offers, self._write, self._prompting().prompt)
        finally:
            self.terminal.quiet()

    def picked(self, browser: Browser) -> Picked | None:
        """Let the person pick a session or a turn, None where they leave it."""
        try:
            return picked_session(browser, self.screen)
        finally:
            self.terminal.quiet()

    @property
    def screen(self) -> Screen:
        """Return the terminal, for what is drawn there in place of the line."""
        return Screen(
            self._source, self._output, style(colours=self._manner.colours), depth_for(colours=self._manner.colours)
        )

    def edited(self, text: str) -> str:
        """Open a text in the person's editor; raise BadUseError where that fails."""
        with self.terminal.ordinary():
            return edited(text, self._manner.environ)

    def _edited(self, text: str) -> str:
        """Open the line in the person's editor; where that fails it stays as it is, and why is said above it."""
        try:
            return self.edited(text)
        except LmchatError as error:
            self._output.write(f"lmchat: error: {error.message}\n")
            self._output.flush()
            return text

    def _pasted(self, text: str, line: Document) -> str:
        """Return what a paste puts into the line: mentions for files that were dragged, else text and no command."""
        before = line.text_before_cursor
        if not before.strip():
            if self._is_command(text) and "\n" not in text.strip():
                return text
        elif before.startswith((*SLASH, *BANG)):
            return self._folds.fold(text)
        return as_mentions(text, before) or self._folds.fold(literal(text))

    def _prompting(self, **manner: Any) -> PromptSession[Any]:
        """Make a prompt; in a terminal without escapes the library writes none, but only to its session's output."""
        output = self._output if self.terminal.escapes else None
        with create_app_session(output=self._output):
            return PromptSession(**manner, input=self._source, output=output)

    def _write(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()

    def _keep_unsent(self) -> None:
        """Keep in the history what is in the line when the terminal is closed or a signal ends the program."""
        self._session.history.append_string(self._session.default_buffer.text)

    def _time_notice(self) -> None:
        """Let the notice go after a while."""
        loop = self._session.app.loop
        if self._notice and loop is not None:
            loop.call_later(_NOTICE_SECONDS, self._drop_notice)

    def _drop_notice(self, _processor: object = None) -> None:
        if self._notice:
            self._notice = ""
            self._session.app.invalidate()

    def _toolbar(self) -> str:
        """Write the notice and vi's mode in front of where one is, in as much room as there is."""
        width = self._output.get_size().columns
        mode = vi_mode(self._session.app) if self._manner.vi else ""
        before = "".join(f"{each} · " for each in (self._notice, mode) if each)
        return before + self._status(max(width - cells(before), 0))

    def _leave_room(self, _app: object) -> None:
        """Ask for no more rows below the line for completions than the window has beside the line and the toolbar."""
        self._session.reserve_space_for_menu = max(min(self._output.get_size().rows - 2, _MENU_ROWS), 0)

    def _add_toolbar(self) -> None:
        """Put the toolbar right below the input: the library's own needs terminals that answer questions."""
        container = self._session.app.layout.container
        if isinstance(container, HSplit):
            bar = Window(FormattedTextControl(self._toolbar), height=1, style="class:status", dont_extend_height=True)
            container.children.append(ConditionalContainer(bar, ~is_done))


def _continued(_width: int, _line: int, wrapped: int) -> StyleAndTextTuples:
    return [("class:continuation", "  " if wrapped else CONTINUATION)]
