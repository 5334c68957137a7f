"""Ctrl-C and the keyboard while a turn is shown."""

import os
import pty
import signal
import termios

import pytest

from lmchat.render.terminal import DeferredInterrupt, silent_keyboard

_LOCAL_FLAGS = 3


def test_an_interrupt_inside_a_frame_is_delivered_behind_it() -> None:
    shield, done = DeferredInterrupt(), []

    def paint() -> None:
        with shield.painting():
            signal.raise_signal(signal.SIGINT)
            done.append("painted")

    with shield.raised(), pytest.raises(KeyboardInterrupt):
        paint()
    assert done == ["painted"]


def test_an_interrupt_between_frames_is_delivered_at_once() -> None:
    with DeferredInterrupt().raised(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_the_handler_of_before_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with DeferredInterrupt().raised():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_a_pipe_as_keyboard_is_left_alone() -> None:
    read, write = os.pipe()
    with os.fdopen(read) as stdin, os.fdopen(write, "w"), silent_keyboard(stdin):
        pass


def test_another_programs_terminal_is_left_alone() -> None:
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb"), os.fdopen(follower, encoding="utf-8") as stdin:
        before = termios.tcgetattr(stdin)
        with silent_keyboard(stdin):
            assert termios.tcgetattr(stdin)[_LOCAL_FLAGS] == before[_LOCAL_FLAGS]
