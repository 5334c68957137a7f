"""The whole program with the real built-in model, as README's first command has it.

Where no test looks at its words, most of its layers are left out.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lmchat.chat.talk import DRAFT_EVERY

pytestmark = pytest.mark.model

LONG = "Write a Python function that sorts a list in three ways, with comments."
BRIEF = ("--max-output-tokens", "4")
"""For replies whose words are not looked at."""
SURE = ("--max-output-tokens", "12", "--temperature", "0")
"""For those in which one word is looked for: at other temperatures the model could guess it, or miss it."""
SHORT = ("--max-output-tokens", "3", "Hi")
Run = Callable[..., subprocess.CompletedProcess[str]]


def environment(home: Path, model_cache: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "LMCHAT_HOME": str(home), "LMCHAT_MODEL_CACHE": str(model_cache), **more}


def running(environ: dict[str, str]) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lmchat", "--url", "local", *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    return run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def environ(home: Path, short_model_cache: Path) -> Iterator[dict[str, str]]:
    """Return an environment in which one server stays for all tests, or starts again where a test ended it."""
    environ = environment(home, short_model_cache, LMCHAT_LOCAL_KEEP="60")
    yield environ
    running(environ)("local", "stop")


@pytest.fixture(scope="module")
def whole_model(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[tuple[Run, Path]]:
    """Return what runs the program with all of the model, and its home."""
    home = tmp_path_factory.mktemp("whole")
    lmchat = running(environment(home, model_cache, LMCHAT_LOCAL_KEEP="60"))
    yield lmchat, home
    lmchat("local", "stop")


@pytest.fixture(scope="module")
def lmchat(environ: dict[str, str], first: list[dict[str, Any]]) -> Run:
    return running(environ)


@pytest.fixture(scope="module")
def first(environ: dict[str, str]) -> list[dict[str, Any]]:
    """Return the replies to the first two prompts, asked at once where no server runs yet."""
    assert json.loads(running(environ)("local", "--json").stdout) == []
    hello = ("--json", *BRIEF, "Say hello.")
    with asking(environ, *hello) as one, asking(environ, *hello) as two:
        written = [each.communicate() for each in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0), written
    return [json.loads(answer) for answer, _ in written]


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


def test_it_remembers_what_it_was_told_and_does_not_know_it_otherwise(whole_model: tuple[Run, Path]) -> None:
    lmchat, _ = whole_model
    assert lmchat("ask", *BRIEF, "-s", "colours", "私の好きな色は青です").returncode == 0
    assert "青" in lmchat("ask", *SURE, "-s", "colours", "先ほど私が話していた色は?").stdout
    assert "青" not in lmchat("ask", *SURE, "先ほど私が話していた色は?").stdout


def test_a_conversation_survives_the_server_that_held_it_being_wiped(whole_model: tuple[Run, Path]) -> None:
    lmchat, home = whole_model
    lmchat("ask", *BRIEF, "-s", "names", "My name is Alice.")
    for kept in home.glob("local.db*"):
        kept.unlink()
    healed = lmchat("ask", *SURE, "-s", "names", "--json", "What is my name?")
    document = json.loads(healed.stdout)
    assert "Alice" in document["text"]
    assert (document["unsent_turns"], document["previous_response_id"]) == (1, None)
    assert "1 earlier turn" in healed.stderr


def test_stats_are_measured(first: list[dict[str, Any]]) -> None:
    for reply in first:
        assert reply["stats"]["input_tokens"] > 10
        assert reply["stats"]["tokens_per_second"] > 0
    assert max(reply["stats"].get("model_load_time_seconds", 0) for reply in first) > 0


def test_two_at_once_do_not_get_in_each_others_way(first: list[dict[str, Any]]) -> None:
    assert all(reply["text"].strip() for reply in first)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_with_a_server_of_its_own_a_kill_leaves_no_process_and_no_hole(tmp_path: Path, short_model_cache: Path) -> None:
    environ = environment(tmp_path, short_model_cache, LMCHAT_LOCAL_KEEP="0")
    lmchat = running(environ)
    with begun(environ, "-s", "killed") as program:
        below = descendants(program.pid)
        assert program.stdout is not None
        until = time.monotonic() + 2 * DRAFT_EVERY.total_seconds()
        while time.monotonic() < until:
            program.stdout.read(1)
        program.send_signal(signal.SIGKILL)
    assert len(below) >= 2
    until = time.monotonic() + 60
    while alive(below) and time.monotonic() < until:
        time.sleep(0.05)
    assert alive(below) == set()
    [turn] = json.loads(lmchat("sessions", "show", "killed", "--json").stdout)["turns"]
    assert turn["outcome"] == "interrupted"
    assert lmchat("sessions", "show", "killed").stdout.count("\n") > 2


def state(lmchat: Run) -> dict[str, Any]:
    """Return the state of the one shared server."""
    [server] = json.loads(lmchat("local", "--json").stdout)
    assert isinstance(server, dict)
    return server


def asking(environ: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start to ask, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "lmchat", "--url", "local", "ask", "--temperature", "0", *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def begun(environ: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start to ask something long, and return when the first words are there."""
    program = asking(environ, *arguments, LONG)
    assert program.stdout is not None
    program.stdout.read(3)
    return program


def test_only_the_first_of_several_asks_loads_the_model(lmchat: Run, first: list[dict[str, Any]]) -> None:
    third = json.loads(lmchat("ask", "--json", *SHORT).stdout)
    loads = ["model_load_time_seconds" in reply["stats"] for reply in (*first, third)]
    assert sorted(loads[:2]) == [False, True]
    assert not loads[2]


def test_ctrl_c_in_one_program_leaves_the_others_alone(environ: dict[str, str], lmchat: Run) -> None:
    with begun(environ) as first, asking(environ, *BRIEF, "Say hello.") as second:
        os.killpg(first.pid, signal.SIGINT)
        first.communicate(timeout=30)
        assert first.returncode == 130
        second.communicate(timeout=90)
        assert second.returncode == 0
    assert lmchat("ask", *SHORT).returncode == 0


def test_a_killed_server_costs_one_reply_and_the_next_program_starts_another(
    environ: dict[str, str], lmchat: Run
) -> None:
    with begun(environ, "-s", "cut") as program:
        before = state(lmchat)["pid"]
        os.kill(before, signal.SIGKILL)
        program.communicate(timeout=30)
        assert program.returncode == 5
    [turn] = json.loads(lmchat("sessions", "show", "cut", "--json").stdout)["turns"]
    assert turn["outcome"] != "complete"
    assert lmchat("ask", "-s", "cut", *SHORT).returncode == 0
    assert state(lmchat)["pid"] != before


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_killed_engine_costs_one_reply_and_the_hint_helps(environ: dict[str, str], lmchat: Run) -> None:
    with begun(environ) as program:
        [engine] = descendants(state(lmchat)["pid"])
        os.kill(engine, signal.SIGKILL)
        _, words = program.communicate(timeout=30)
    assert program.returncode == 4
    assert "ended unexpectedly" in words
    assert "LM Studio" not in words
    assert "Ask again" in words
    assert lmchat("ask", *SHORT).returncode == 0


def test_listing_models_fetches_none_and_serves_no_less(tmp_path: Path) -> None:
    environ = environment(tmp_path, tmp_path / "none", LMCHAT_LOCAL_KEEP="0", HOME=str(tmp_path))
    listed = running(environ)("models", "--json")
    assert (listed.returncode, json.loads(listed.stdout)) == (0, [])
    assert "fetching" not in listed.stderr
    assert not (tmp_path / "none").exists()


def test_a_model_that_an_older_lmchat_fetched_is_used(tmp_path: Path, short_model_cache: Path) -> None:
    (tmp_path / "models").mkdir()
    [model] = short_model_cache.glob("*0.5b*.gguf")
    os.link(model, tmp_path / "models" / model.name)
    asked = running(environment(tmp_path, tmp_path / "cache/models", LMCHAT_LOCAL_KEEP="0"))("ask", *SHORT)
    assert asked.returncode == 0
    assert "fetching" not in asked.stderr
    assert (tmp_path / "cache" / "models" / model.name).exists()


def test_what_is_private_is_not_in_the_servers_history(lmchat: Run, home: Path) -> None:
    assert lmchat("ask", *BRIEF, "--private", "Say xylophone.").returncode == 0
    assert all(b"xylophone" not in path.read_bytes() for path in home.rglob("*.db*"))


def test_its_state_is_shown_and_it_can_be_stopped(lmchat: Run) -> None:
    lmchat("ask", *SHORT)
    shown = state(lmchat)
    assert [model["id"] for model in shown["models"]] == ["qwen2.5-coder-0.5b-instruct"]
    assert shown["memory_bytes"] > 300_000_000
    assert "qwen2.5-coder-0.5b-instruct" in lmchat("local").stdout
    lmchat("local", "stop")
    assert json.loads(lmchat("local", "--json").stdout) == []
    assert not alive({shown["pid"]})
