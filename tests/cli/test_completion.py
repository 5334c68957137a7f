"""Completion: the scripts are those of the app, and real shells complete with them."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lmchat.app.connect import remember_models
from lmchat.chat.models import Model
from lmchat.cli.completion import FILES
from lmchat.dataclass import replace
from lmchat.store.store import open_store
from lmchat.world import standard_directories, this_world
from tests.cli.completions import FOLDER, scripts
from tests.cli.shells import SHELLS, Shell, shell
from tests.support.program import MODELS, reply, run
from tests.support.scripted import HOLD, RESET, ScriptedServer, answer, stream

NAMES = (
    "my session",
    "it's",
    "a$b",
    "日本語 会話",
    'say "so"',
    "tea:green=x",
    "back\\slash",
    "semi;colon & more",
    "me@home",
)
REASONING = MODELS.replace('"vision":false', '"vision":false,"reasoning":{"allowed_options":["low","xhigh"]}')


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with sessions, a profile and models that were listed."""
    home = tmp_path_factory.mktemp("home")
    with open_store(home, now=lambda: datetime.now(UTC)) as store:
        for name in NAMES:
            store.create(name, "")
    world = replace(this_world(), directories=standard_directories({"LMCHAT_HOME": str(home)}))
    remember_models(world, "http://localhost:1234", [Model("tiny", "llm", reasoning_options=("low", "xhigh"))])
    (home / "settings.toml").write_text('[profile.work]\nurl = "http://work:1234"\n')
    for kind, name in (("prompts", "commit"), ("roles", "terse")):
        (home / kind).mkdir()
        (home / kind / f"{name}.md").write_text("Be brief.")
    return home


def asked(home: Path, *arguments: str) -> list[str]:
    """Return the lines of an answer to a shell."""
    ran = run(home, "__complete", *arguments)
    assert (ran.status, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def test_the_scripts_in_the_folder_are_those_of_the_app() -> None:
    found = {path: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert found == scripts(), "make them anew: python -m tests.cli.completions"


@pytest.mark.parametrize("name", FILES)
def test_the_command_prints_the_bytes_of_the_file(tmp_path: Path, name: str) -> None:
    assert run(tmp_path, "completion", name).stdout == (FOLDER / FILES[name]).read_text(encoding="utf-8")


def test_an_unknown_shell_is_told_which_there_are(tmp_path: Path) -> None:
    ran = run(tmp_path, "completion", "tcsh")
    assert ran.status == 2
    assert "bash, zsh, fish, powershell" in ran.stderr


def test_sessions_come_with_the_one_used_last_first(home: Path) -> None:
    assert [line.split("\t")[0] for line in asked(home, "sessions")] == list(reversed(NAMES))


def test_what_a_session_begins_with_stands_behind_its_name_on_one_harmless_line(tmp_path: Path) -> None:
    with ScriptedServer(lambda _: stream(reply())) as server:
        run(tmp_path, "--url", server.url, "ask", "-m", "tiny", "-s", "odd", "\x1b[31mred\n\tand " + "so on " * 50)
    (line,) = asked(tmp_path, "sessions")
    assert line.startswith("odd\t[31mred and so on")
    assert len(line) < 80


def test_turns_are_those_of_the_session_on_the_line(tmp_path: Path) -> None:
    with ScriptedServer(lambda _: stream(reply())) as server:
        for name in ("one", "two"):
            run(tmp_path, "--url", server.url, "ask", "-m", "tiny", "-s", name, f"Words of {name}")
    assert asked(tmp_path, "turns", "sessions", "show", "one") == ["1\tWords of one"]
    assert asked(tmp_path, "turns", "ask", "-c") == ["1\tWords of two"]
    assert asked(tmp_path, "turns", "ask") == []


def test_models_are_those_the_same_server_listed(tmp_path: Path) -> None:
    with ScriptedServer(answer(200, REASONING)) as server:
        run(tmp_path, "--url", server.url, "models")
        count = len(server.requests)
        assert asked(tmp_path, "models", "--url", server.url, "ask") == ["tiny\tTiny 1B Q4"]
        assert asked(tmp_path, "models", f"--url={server.url}/", "ask") == ["tiny\tTiny 1B Q4"]
        assert asked(tmp_path, "levels", "--url", server.url) == ["low\t", "xhigh\t"]
        assert asked(tmp_path, "models", "--url", "http://elsewhere:1") == []
        assert len(server.requests) == count


def test_models_are_forgotten_after_a_day(tmp_path: Path) -> None:
    with ScriptedServer(answer(200, MODELS)) as server:
        run(tmp_path, "--url", server.url, "models")
        (kept,) = (tmp_path / "cache").glob("models-*.json")
        kept.write_text(kept.read_text().replace(f"{datetime.now(UTC):%Y-}", "2020-", 1))
    assert asked(tmp_path, "models", "--url", server.url) == []


def test_a_server_whose_models_are_not_known_is_asked_once(tmp_path: Path) -> None:
    with ScriptedServer(answer(200, MODELS)) as server:
        for _ in range(2):
            assert asked(tmp_path, "models", "--url", server.url) == ["tiny\tTiny 1B Q4"]
        assert len(server.requests) == 1


def test_a_server_that_is_slow_refuses_or_makes_no_sense_is_not_waited_for(tmp_path: Path) -> None:
    for steps in ([HOLD], answer(401, "{}"), answer(200, "<html>"), [RESET]):
        with ScriptedServer(steps) as server:
            began = time.monotonic()
            assert asked(tmp_path, "models", "--url", server.url) == []
            assert time.monotonic() - began < 5


def test_completion_runs_no_program_for_a_token(tmp_path: Path) -> None:
    with ScriptedServer(answer(200, MODELS)) as server:
        settings = f'url = "{server.url}"\ntoken_command = "touch {tmp_path}/ran"\n'
        (tmp_path / "settings.toml").write_text(settings)
        assert asked(tmp_path, "models") == []
        assert server.requests == []
    assert not (tmp_path / "ran").exists()


def test_completion_sends_the_token_of_the_environment(tmp_path: Path) -> None:
    with ScriptedServer(answer(200, MODELS)) as server:
        ran = run(tmp_path, "__complete", "models", "--url", server.url, environ={"LM_API_TOKEN": "sk-lm-a:b"})
        assert ran.stdout.startswith("tiny")
        assert server.requests[0].headers["authorization"] == "Bearer sk-lm-a:b"


def test_profiles_and_settings_come_from_the_file_and_the_table(home: Path) -> None:
    assert asked(home, "profiles") == ["work\thttp://work:1234"]
    keys = [line.split("\t")[0] for line in asked(home, "settings", "settings", "set")]
    assert {"model", "color", "profile.work.model"} <= set(keys)
    assert asked(home, "values", "settings", "set", "color") == ["auto\t", "always\t", "never\t"]


@pytest.mark.parametrize(
    "kind", ["sessions", "turns", "models", "levels", "profiles", "settings", "values", "nonsense"]
)
def test_broken_files_never_show_on_a_line_that_is_typed(tmp_path: Path, kind: str) -> None:
    (tmp_path / "settings.toml").write_text("this is = = not TOML")
    (tmp_path / "conversations.db").write_text("not a database")
    (tmp_path / "cache").mkdir()
    for line in asked(tmp_path, kind, "ask", "--url"):
        assert "\t" in line
    assert (tmp_path / "conversations.db").read_text() == "not a database"


def test_nothing_is_created_by_completing(tmp_path: Path) -> None:
    for kind in ("sessions", "turns", "models", "profiles", "settings"):
        asked(tmp_path / "nowhere", kind, "x")
    assert not (tmp_path / "nowhere").exists()


def test_what_shells_ask_is_no_command_for_people(tmp_path: Path) -> None:
    assert "__complete" not in run(tmp_path, "--help").stdout


def cost(command: Sequence[str], **environ: str) -> float:
    """Return the seconds of the processor that a command takes, whatever else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env={**os.environ, **environ}, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_session_names_come_at_once(home: Path) -> None:
    def run_of(*arguments: str) -> float:
        return min(cost([sys.executable, "-m", "lmchat", *arguments], LMCHAT_HOME=str(home)) for _ in range(3))

    # A third of a whole start was measured, 0.03 of 0.09 s.
    assert run_of("__complete", "sessions") < run_of("sessions") / 2


@pytest.mark.parametrize(("name", "options"), [("bash", ["--norc"]), ("zsh", ["-f"])])
def test_a_shell_finds_a_word_in_its_table_at_once(tmp_path: Path, name: str, options: list[str]) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    look = "place=ask; for i in {1..40}; do _lmchat_find option --nonsense && exit 1; done; true"
    line = f"source '{FOLDER / FILES[name]}'; {look}"
    # 0.4 s were measured; by a pattern that begins with any text it was 15 s in bash and 40 s in zsh.
    assert cost([name, *options, "-c", line], HOME=str(tmp_path), LC_ALL="C.UTF-8") < 3


@pytest.fixture(scope="module", params=SHELLS)
def typed(request: pytest.FixtureRequest, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Start each shell once."""
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    folder = tmp_path_factory.mktemp(name)
    (folder / "notes of mine.md").touch()
    with shell(name, folder, home) as started:
        yield started


@pytest.mark.terminal
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("lmchat sess\tli\t", ["sessions", "list"]),
        ("lmchat help sessions fo\t", ["help", "sessions", "fork"]),
        ("lmchat --col\tnev\tsett\t", ["--color", "never", "settings"]),
        ("lmchat --color=nev\tsett\t", ["--color=never", "settings"]),
        ("lmchat ask --temp\t0.5 hi", ["ask", "--temperature", "0.5", "hi"]),
        ("lmchat --prof\two\task", ["--profile", "work", "ask"]),
        ("lmchat settings set colo\tnev\t", ["settings", "set", "color", "never"]),
        ("lmchat sessions show my\t", ["sessions", "show", "my session"]),
        ('lmchat sessions show "my\t', ["sessions", "show", "my session"]),
        ("lmchat sessions show 'my\t", ["sessions", "show", "my session"]),
        ("lmchat sessions show it\t", ["sessions", "show", "it's"]),
        ("lmchat sessions show 'it\t", ["sessions", "show", "it's"]),
        ("lmchat sessions show a\t", ["sessions", "show", "a$b"]),
        ('lmchat sessions show "a\t', ["sessions", "show", "a$b"]),
        ("lmchat sessions show 日\t", ["sessions", "show", "日本語 会話"]),
        ("lmchat sessions show say\t", ["sessions", "show", 'say "so"']),
        ('lmchat sessions show "say\t', ["sessions", "show", 'say "so"']),
        ("lmchat sessions show tea:g\t", ["sessions", "show", "tea:green=x"]),
        ("lmchat sessions show back\t", ["sessions", "show", "back\\slash"]),
        ("lmchat sessions show semi\t", ["sessions", "show", "semi;colon & more"]),
        ("lmchat sessions show me@\t", ["sessions", "show", "me@home"]),
        ("lmchat ask -s my\thello", ["ask", "-s", "my session", "hello"]),
        ("lmchat ask --session=my\thello", ["ask", "--session=my session", "hello"]),
        ("lmchat sessions delete my\tsemi\t", ["sessions", "delete", "my session", "semi;colon & more"]),
        ("lmchat ask -m ti\thello", ["ask", "-m", "tiny", "hello"]),
        ("lmchat ask --reasoning xh\thello", ["ask", "--reasoning", "xhigh", "hello"]),
        ("lmchat ask -f not\thello", ["ask", "-f", "notes of mine.md", "hello"]),
        ("lmchat ask -S @not\thello", ["ask", "-S", "@notes of mine.md", "hello"]),
        ("lmchat ask -S :te\thello", ["ask", "-S", ":terse", "hello"]),
        ("lmchat ask -p com\thello", ["ask", "-p", "commit", "hello"]),
        ("lmchat sessions import not\t", ["sessions", "import", "notes of mine.md"]),
        ("lmchat completion z\t", ["completion", "zsh"]),
        ("lmchat -m ti\task hi", ["-m", "tiny", "ask", "hi"]),
        ("lmchat --contin\t", ["--continue"]),
        ("lmchat -s my\t", ["-s", "my session"]),
        ("lmchat ask hi --prof\two\t", ["ask", "hi", "--profile", "work"]),
        ("lmchat ask --col\tnev\t-s my\thi", ["ask", "--color", "never", "-s", "my session", "hi"]),
        ("lmchat sessions list --debu\t", ["sessions", "list", "--debug"]),
    ],
)
def test_a_shell_completes(typed: Shell, line: str, words: list[str]) -> None:
    assert typed.given(line) == words


@pytest.mark.terminal
def test_a_shell_lists_what_may_follow(typed: Shell) -> None:
    seen = typed.shown("lmchat sessions \t\t", "rename", "import")
    assert "delete" in seen


@pytest.mark.terminal
def test_where_anything_may_be_said_nothing_is_offered(typed: Shell) -> None:
    assert typed.given("lmchat ask no\t") == ["ask", "no"]


def test_a_name_that_would_move_the_cursor_is_not_offered(tmp_path: Path) -> None:
    odd = MODELS.replace('"key":"tiny"', r'"key":"ti\u001b[2Jny"')
    with ScriptedServer(answer(200, odd)) as server:
        run(tmp_path, "--url", server.url, "models")
        assert asked(tmp_path, "models", "--url", server.url) == []
        assert asked(tmp_path, "loaded", "--url", server.url) == ["tiny\tTiny 1B Q4"]
