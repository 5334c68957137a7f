"""What lmchat itself says on stderr, and waiting."""

import io
import signal
import subprocess
import sys
import time

import pytest

from lmchat.chat.models import DownloadJob
from lmchat.errors import NotFoundError
from lmchat.render.messages import show_failure, show_note, waited, watched
from tests.render.terminals import Clock, Terminal, Tty, world_of


def test_a_failure_is_one_sentence_and_one_hint() -> None:
    errors = io.StringIO()
    show_failure(world_of(io.StringIO(), errors, Clock()), NotFoundError("No\x1b[2J such\nmodel.", hint="Look."))
    assert errors.getvalue() == "lmchat: error: No␛[2J such model.\nhint: Look.\n"


def test_a_failure_without_a_hint_is_one_line() -> None:
    errors = io.StringIO()
    show_failure(world_of(io.StringIO(), errors, Clock()), NotFoundError("No."))
    assert errors.getvalue() == "lmchat: error: No.\n"


def test_a_note_is_faint_on_a_terminal() -> None:
    terminal = Terminal(40, 5)
    show_note(world_of(io.StringIO(), Tty(terminal), Clock()), "Well.")
    assert terminal.written() == "\x1b[2mWell.\x1b[0m\r\n"


def test_a_download_is_shown_on_a_terminal_and_gone_in_the_end() -> None:
    terminal = Terminal(80, 5)
    steps = [DownloadJob("1", "downloading", 1000, 4000), DownloadJob("1", "completed", 4000, 4000)]
    world = world_of(io.StringIO(), Tty(terminal), Clock(), terminal=terminal)
    watched(world, DownloadJob("1", "downloading", 0, 4000), lambda: steps.pop(0))
    assert "1.0/4.0 kB" in terminal.written()
    assert terminal.texts() == []
    assert terminal.written().rindex("\x1b[?25h") > terminal.written().rindex("\x1b[?25l")


def test_waiting_gives_the_terminal_back_when_it_is_interrupted() -> None:
    terminal = Terminal(80, 5)

    def interrupted() -> None:
        time.sleep(0.3)
        signal.raise_signal(signal.SIGINT)

    world = world_of(io.StringIO(), Tty(terminal), Clock(), terminal=terminal)
    with pytest.raises(KeyboardInterrupt):
        waited(world, "Loading [b]\x1b[2Jx", interrupted)
    assert "Loading [b]␛[2Jx" in terminal.written()
    assert terminal.texts() == []
    assert terminal.written().rindex("\x1b[?25h") > terminal.written().rindex("\x1b[?25l")


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"TERM": "unknown"}])
def test_where_nothing_can_move_waiting_is_said_once(environ: dict[str, str]) -> None:
    terminal = Terminal(80, 5)
    assert waited(world_of(io.StringIO(), Tty(terminal), Clock(), environ), "Loading", lambda: 7) == 7
    assert terminal.written() == "Loading …\r\n"
    pipe = io.StringIO()
    assert waited(world_of(io.StringIO(), pipe, Clock(), environ), "Loading", lambda: 7) == 7
    assert pipe.getvalue() == ""


def test_what_fails_while_it_is_waited_for_is_raised() -> None:
    def fail() -> None:
        raise NotFoundError("No.")

    with pytest.raises(NotFoundError):
        waited(world_of(io.StringIO(), io.StringIO(), Clock()), "Loading", fail)


def test_in_a_pipe_nothing_that_draws_is_loaded_for_a_wait() -> None:
    program = (
        "import sys\n"
        "from lmchat.render.messages import waited\n"
        "from lmchat.world import this_world\n"
        "waited(this_world(), 'Loading', lambda: None)\n"
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE).returncode == 0


def test_where_nothing_can_move_a_download_is_said_by_the_quarter() -> None:
    terminal = Terminal(80, 5)
    states = [DownloadJob("1", "downloading", size, 4000) for size in (900, 1100, 1200, 3500)]
    steps = [*states, DownloadJob("1", "completed", 4000, 4000)]
    world = world_of(io.StringIO(), Tty(terminal), Clock(), {"TERM": "dumb"})
    watched(world, DownloadJob("1", "downloading", 0, 4000), lambda: steps.pop(0))
    assert terminal.written() == "25 % downloaded.\r\n75 % downloaded.\r\n"
