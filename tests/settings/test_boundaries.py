"""Whatever is written as a path, a value or a settings file, it is refused in one sentence, and nothing hangs."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from lmchat.errors import BadUseError, LmchatError, SettingsError
from lmchat.settings import read_settings, settings_path
from lmchat.settings.edit import edit_value, remove_value, starting_text
from lmchat.world import path_of, standard_directories
from tests.support.program import run
from tests.support.worlds import world_in

NO_PATHS = ["a\0b", "\0", "\ud800", "a/\udbff/b", "~\ud800", "\ude00" * 500]


@pytest.mark.parametrize("text", NO_PATHS)
def test_what_no_file_can_be_called_is_bad_use(text: str) -> None:
    with pytest.raises(BadUseError, match="is not a path") as caught:
        path_of(text)
    assert caught.value.message.isascii() or "…" in caught.value.message


def test_a_name_of_bytes_that_are_no_utf_8_is_a_path() -> None:
    assert path_of("a\udcff").name == "a\udcff"


@pytest.mark.parametrize("text", [*NO_PATHS, "~nosuchuser/x", "~nosuchuser"])
def test_a_home_that_is_no_path_is_bad_use_and_named(text: str) -> None:
    with pytest.raises(BadUseError, match="LMCHAT_HOME"):
        standard_directories({"LMCHAT_HOME": text})


@pytest.mark.parametrize(
    ("arguments", "status", "stdout"),
    [
        (["--version"], 0, "lmchat "),
        (["__complete", "sessions"], 0, ""),
        (["sessions"], 2, ""),
        (["settings"], 2, ""),
        (["ask", "hi"], 2, ""),
    ],
)
def test_a_home_of_a_person_who_is_not_here_ends_in_one_sentence(
    arguments: list[str], status: int, stdout: str
) -> None:
    environ = {**os.environ, "LMCHAT_HOME": "~nosuchuser/x"}
    ran = subprocess.run([sys.executable, "-m", "lmchat", *arguments], env=environ, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout[:7]) == (status, stdout)
    error = "lmchat: error: LMCHAT_HOME: '~nosuchuser/x' names the home directory of a user who does not exist.\n"
    assert ran.stderr == ("" if status == 0 else error)


@pytest.mark.parametrize(("home", "status"), [("relative", 2), (None, 0)])
def test_a_current_directory_that_is_gone_matters_only_to_a_relative_home(
    tmp_path: Path, home: str | None, status: int
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    root = Path(__file__).parents[2]
    program = f"import os, sys; os.rmdir(os.getcwd()); sys.path.insert(0, {str(root)!r})\n"
    program += "from lmchat.__main__ import main; sys.exit(main())"
    environ = {**os.environ, "LMCHAT_HOME": home or str(tmp_path)}
    command = [sys.executable, "-P", "-c", program, "sessions"]
    ran = subprocess.run(command, cwd=gone, env=environ, capture_output=True, text=True)
    assert ran.returncode == status
    assert ("LMCHAT_HOME: the current directory cannot be read" in ran.stderr) is bool(status)
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("text", NO_PATHS)
@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "-f", "{}", "hi"],
        ["ask", "-i", "{}", "hi"],
        ["ask", "-S", "@{}", "hi"],
        ["sessions", "import", "{}"],
        ["--url", "http://{}", "models"],
        ["--url", "{}", "ask", "hi"],
        ["--profile", "{}", "ask", "hi"],
    ],
    ids=" ".join,
)
def test_a_command_line_with_what_is_no_text_is_bad_use(tmp_path: Path, arguments: list[str], text: str) -> None:
    ran = run(tmp_path, *(word.replace("{}", text) for word in arguments))
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.startswith("lmchat: error: ")


def _directory(path: Path) -> None:
    path.mkdir()


def _write(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


FILES = {
    "a directory": _directory,
    "a pipe": os.mkfifo,
    "a link to itself": lambda path: path.symlink_to(path),
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "huge": _write(b"#" * 2_000_000),
    "not UTF-8": _write(b"\xff\xfe"),
    "half a character": _write(b'model = "\xed\xa0\x80"'),
    "a NUL": _write(b'model = "a\0b"'),
    "lists in lists": _write(b"model = " + b"[" * 400 + b"]" * 400),
    "lists in lists without end": _write(b"model = " + b"[" * 50_000),
    "tables in tables": _write(b"model = " + b"{a=" * 300 + b"1" + b"}" * 300),
    "dots in dots": _write(b"mcp." + b"a." * 2_000 + b"b = 1"),
    "dots in dots of a header": _write(b"mcp.a.headers." + b"a." * 1_000 + b"b = 1"),
    "a number of digits": _write(b"top_k = " + b"9" * 100_000),
    "profile is a text": _write(b"profile = 'x'"),
    "profile is a list": _write(b"profile = [{work = {}}]"),
    "profiles are tables": _write(b"[[profile]]\n[profile.work]\nurl = 'x'"),
    "a profile is a number": _write(b"profile.work = 3"),
    "mcp is a text": _write(b"mcp = 'x'"),
    "a server is a list": _write(b"mcp.a = []"),
    "headers are a text": _write(b"mcp.a.headers = 'x'"),
    "default_profile is a table": _write(b"default_profile = {a = 1}"),
}
EVERY = pytest.mark.parametrize("make", FILES.values(), ids=list(FILES))


@EVERY
def test_a_file_that_cannot_be_used_is_an_error_of_the_settings(tmp_path: Path, make: Callable[[Path], object]) -> None:
    world = world_in(tmp_path)
    make(settings_path(world))
    with pytest.raises(SettingsError, match=r"settings\.toml") as caught:
        read_settings(world)
    assert len(caught.value.message) < 500


KEYS = [
    "model",
    "profile.work.url",
    "profile.work",
    "default_profile",
    "mcp.a.headers.b",
    "mcp.a.url",
    "profile",
    "mcp",
]


@EVERY
@pytest.mark.parametrize("key", KEYS)
def test_setting_a_value_in_such_a_file_mends_it_or_is_refused(
    tmp_path: Path, make: Callable[[Path], object], key: str
) -> None:
    world = world_in(tmp_path)
    make(settings_path(world))
    with suppress(LmchatError):
        edit_value(world, key, "work")
    with suppress(LmchatError):
        remove_value(world, key)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", "m\udcff"),
        ("system", "\ud83d"),
        ("url", "http://a\udc80"),
        ("token_command", "pass \udcff"),
        ("model", "a\0b"),
        ("profile.\udcff.model", "m"),
        ('profile."a\0".model', "m"),
        ("mcp.\ud800.url", "http://x"),
        ("\udcff", "m"),
        ("mcp.a.headers.b", "\udcff"),
    ],
)
def test_what_is_no_text_is_not_set_and_leaves_the_file(tmp_path: Path, key: str, value: str) -> None:
    before = starting_text()
    ran = run(tmp_path, "settings", "edit", environ={"EDITOR": "true"})
    assert ran.status == 0
    ran = run(tmp_path, "settings", "set", key, value)
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.startswith("lmchat: error: ")
    assert (tmp_path / "settings.toml").read_text() == before


def test_profiles_that_are_no_table_are_named_with_their_line(tmp_path: Path) -> None:
    world = world_in(tmp_path, "title = true\nprofile = 'x'\n")
    with pytest.raises(SettingsError, match=r"settings\.toml, line 2: 'profile' must be a table\."):
        edit_value(world, "profile.work.url", "http://box")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_is_a_failure_with_the_systems_reason(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    ran = run(tmp_path, "settings", "set", "model", "m")
    assert (ran.status, ran.stderr.splitlines()[0].rpartition(": ")[2]) == (1, "Permission denied.")


def test_a_home_that_is_a_file_is_a_failure_with_the_systems_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = run(tmp_path / "file" / "home", "settings", "set", "model", "m")
    assert "Not a directory" in ran.stderr
    assert ran.status in {1, 2}
