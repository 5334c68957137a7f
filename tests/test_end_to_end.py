"""The whole program with the real built-in model, as README's first command has it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.model

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environ(tmp_path: Path, model_cache: Path) -> dict[str, str]:
    return {**os.environ, "LMCHAT_HOME": str(tmp_path), "LMCHAT_MODEL_CACHE": str(model_cache)}


@pytest.fixture
def lmchat(environ: dict[str, str]) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lmchat", "--url", "local", *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    return run


def descendants(pid: int) -> set[int]:
    """Return the processes below a process (Linux)."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found |= {child} | descendants(child)
    return found


def alive(pids: set[int]) -> set[int]:
    def runs(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return {pid for pid in pids if runs(pid)}


def test_it_remembers_what_it_was_told_and_does_not_know_it_otherwise(lmchat: Run) -> None:
    assert lmchat("ask", "-s", "colours", "私の好きな色は青です").returncode == 0
    assert "青" in lmchat("ask", "-s", "colours", "先ほど私が話していた色は?").stdout
    assert "青" not in lmchat("ask", "--temperature", "0", "先ほど私が話していた色は?").stdout


def test_a_conversation_survives_the_server_that_held_it_being_wiped(lmchat: Run, tmp_path: Path) -> None:
    lmchat("ask", "-s", "names", "My name is Alice.")
    for kept in tmp_path.glob("local.db*"):
        kept.unlink()
    healed = lmchat("ask", "-s", "names", "--json", "What is my name?")
    document = json.loads(healed.stdout)
    assert "Alice" in document["text"]
    assert (document["unsent_turns"], document["previous_response_id"]) == (1, None)
    assert "1 earlier turn" in healed.stderr


def test_stats_are_measured(lmchat: Run) -> None:
    stats = json.loads(lmchat("ask", "--json", "Say hello.").stdout)["stats"]
    assert stats["input_tokens"] > 10
    assert stats["model_load_time_seconds"] > 0
    assert stats["tokens_per_second"] > 0


def test_two_at_once_do_not_get_in_each_others_way(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "lmchat", "--url", "local", "ask", "Say hello."]
    both = [subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) for _ in range(2)]
    for each in both:
        answer, _ = each.communicate()
        assert each.returncode == 0
        assert answer.strip()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_kill_leaves_no_process_and_no_hole(environ: dict[str, str], lmchat: Run) -> None:
    long = "Write a Python function that sorts a list in three ways, with comments."
    ask = ["--url", "local", "ask", "-s", "killed", "--temperature", "0", long]
    command = [sys.executable, "-m", "lmchat", *ask]
    with subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        program.stdout.read(12)
        below = descendants(program.pid)
        time.sleep(1)
        program.send_signal(signal.SIGKILL)
    assert len(below) >= 2
    until = time.monotonic() + 60
    while alive(below) and time.monotonic() < until:
        time.sleep(0.05)
    assert alive(below) == set()
    [turn] = json.loads(lmchat("sessions", "show", "killed", "--json").stdout)["turns"]
    assert turn["outcome"] == "interrupted"
    assert lmchat("sessions", "show", "killed").stdout.count("\n") > 2
