"""Where the person types: the input line with its history, keys, completion and toolbar; questions and choices."""

import signal
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session, run_in_terminal
from prompt_toolkit.application.current import get_app_or_none
from prompt_toolkit.completion import Completer, DummyCompleter
from prompt_toolkit.cursor_shapes import ModalCursorShapeConfig
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import is_done
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.layout import ConditionalContainer, FormattedTextControl, HSplit, Window
from prompt_toolkit.output import Output

from lmchat.chat.values import join_surrogates
from lmchat.errors import LmchatError
from lmchat.render.text import cells, sanitize
from lmchat.repl.editing import (
    Cleared,
    Dismissed,
    Folds,
    Left,
    Line,
    PromptOptions,
    Shortcut,
    Typed,
    Unfolding,
    bindings,
    continuation,
    offer_commands,
    pasted,
    typing_command,
    vi_mode,
)
from lmchat.repl.history import FromHistory, SharedHistory
from lmchat.repl.line import plain
from lmchat.repl.picker.choice import Choices, Screen, chosen, chosen_by_number, depth_for, style
from lmchat.repl.terminal import Terminal, TypedAhead

if TYPE_CHECKING:
    from lmchat.repl.picker.browser import Browser, Picked

PROMPT = "> "
_MENU_ROWS = 8
_ESCAPE_SECONDS = 0.05
"""How long, with vi's keys, an Escape may be the beginning of another key."""
_NOTICE_SECONDS = 2.0


class Keyboard:
    """Where lines, answers and choices are typed."""

    def __init__(self, source: Input, output: Output, terminal: Terminal, options: PromptOptions) -> None:
        self.terminal = terminal
        self._options = options
        self._source, self._output = source, output
        self._status: Callable[[int], str] = lambda _width: ""
        self._notice = ""
        self._when_drawn: Callable[[], object] = lambda: None
        self._folds = Folds()
        self._is_command: Callable[[str], bool] = lambda _line: False
        self._ahead = TypedAhead(source, terminal)
        shared = SharedHistory(options.history, self._folds) if options.history else None
        self._session: PromptSession[str | Cleared | Shortcut | Dismissed] = self._prompting(
            multiline=True,
            editing_mode=EditingMode.VI if options.vi else EditingMode.EMACS,
            key_bindings=bindings(self._edited, self._pasted, lambda: bool(self._notice), self._folds),
            history=shared or InMemoryHistory(),
            auto_suggest=FromHistory(shared.begun_with) if shared and terminal.escapes else None,
            cursor=ModalCursorShapeConfig() if options.vi and terminal.escapes else None,
            complete_while_typing=False,
            enable_history_search=~typing_command,
            prompt_continuation=continuation,
            input_processors=[Unfolding(self._folds.shown)],
            enable_suspend=True,
            style=style(colours=options.colours),
            color_depth=depth_for(colours=options.colours),
            include_default_pygments_style=False,
        )
        if options.vi:
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
        `is_command` returns whether a pasted line is a command.
        What is in the line when the terminal is closed or a signal ends the program is kept in the history.
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
                pre_run=self._begin,
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
            self.terminal.turn_echo_off()
        # What was no UTF-8 when it was typed comes as halves of characters.
        return Typed(join_surrogates(self._folds.whole(got))) if isinstance(got, str) else got

    @property
    def focused(self) -> bool | None:
        """Tell whether the window has the focus, None where the terminal has not said so."""
        return getattr(self._source, "focused", None)

    def typed_ahead(self) -> str:
        """Return what is typed while a reply runs and waits for the next prompt, as it is shown."""
        return self._ahead.look()

    def redraw(self) -> None:
        """Draw the line again, with what the toolbar says now; any thread may ask, also while the line is sent."""
        self._in_loop(self._session.app.invalidate)

    def when_drawn(self, act: Callable[[], object]) -> None:
        """Run a function once, as soon as the next line is drawn."""
        self._when_drawn = act

    def between_keys(self, act: Callable[[], object]) -> None:
        """Run a function between two keys of the line that is typed, and not at all where none is; from any thread."""
        self._in_loop(act)

    def _in_loop(self, act: Callable[[], object]) -> None:
        app = self._session.app
        loop, context = app.loop, app.context

        def run() -> None:
            if app.is_running and not app.is_done:
                act()

        if loop is not None and context is not None:
            with suppress(RuntimeError):  # the line was sent, and the loop is closed
                loop.call_soon_threadsafe(run, context=context.copy())

    def write_above(self, write: Callable[[], None]) -> None:
        """Let a function write above the line that is typed; between two keys only."""
        run_in_terminal(write)

    def dismiss(self) -> bool:
        """End the line if nothing is typed in it, and tell whether that was so; between two keys only."""
        app = self._session.app
        if app.current_buffer.text:
            return False
        app.erase_when_done = True
        app.exit(result=Dismissed())
        return True

    def again(self) -> None:
        """Read keys again after the program was stopped, and draw the line below what other programs wrote."""
        app = get_app_or_none()
        if app is None or app.loop is None:
            return
        self._source.raw_mode().__enter__()
        if app.renderer.last_rendered_screen is None:  # for Ctrl-Z the library erased the line, and draws it again
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
            self.terminal.turn_echo_off()

    def chosen(self, title: str, choices: Choices) -> str | None:
        """Let the person choose one of several, None where they leave it."""
        try:
            if self.terminal.escapes:
                return chosen(title, choices, self.screen)
            return chosen_by_number(title, choices.offers, self._write, self._prompting().prompt)
        finally:
            self.terminal.turn_echo_off()

    def picked(self, browser: "Browser") -> "Picked | None":
        """Let the person pick a session or a turn, None where they leave it."""
        from lmchat.repl.picker.sessions import picked_session

        try:
            return picked_session(browser, self.screen)
        finally:
            self.terminal.turn_echo_off()

    @property
    def screen(self) -> Screen:
        """Return the terminal, for what is drawn there in place of the line."""
        return Screen(
            self._source, self._output, style(colours=self._options.colours), depth_for(colours=self._options.colours)
        )

    def edited(self, text: str) -> str:
        """Open a text in the person's editor; raise BadUseError where that fails."""
        from lmchat.app.programs import edited

        with self.terminal.ordinary():
            return edited(text, self._options.environ)

    def _edited(self, text: str) -> str:
        """Open the line in the person's editor; where that fails it stays as it is, and why is said above it."""
        try:
            return self.edited(text)
        except LmchatError as error:
            self._write(f"lmchat: error: {error.message}\n")
            return text

    def _pasted(self, text: str, line: Document) -> str:
        return pasted(text, line.text_before_cursor, self._is_command, self._folds)

    def _prompting(self, **options: Any) -> PromptSession[Any]:
        """Make a prompt; in a terminal without escapes the library writes none, but only to its session's output."""
        output = self._output if self.terminal.escapes else None
        with create_app_session(output=self._output):
            return PromptSession(**options, input=self._source, output=output)

    def _write(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()

    def _keep_unsent(self) -> None:
        """Keep in the history what is in the line when the terminal is closed or a signal ends the program."""
        self._session.history.append_string(self._session.default_buffer.text)

    def _begin(self) -> None:
        """Remove the notice after a while, and run what waits until the line is drawn."""
        loop = self._session.app.loop
        if loop is None:
            return
        if self._notice:
            loop.call_later(_NOTICE_SECONDS, self._drop_notice)
        waiting, self._when_drawn = self._when_drawn, lambda: None
        loop.call_soon(waiting)

    def _drop_notice(self, _processor: object = None) -> None:
        if self._notice:
            self._notice = ""
            self._session.app.invalidate()

    def _toolbar(self) -> str:
        """Write the notice and vi's mode in front of where one is, in as much room as there is."""
        width = self._output.get_size().columns
        mode = vi_mode(self._session.app) if self._options.vi else ""
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
