"""`lmchat settings`: each value with its source, and changes that lose nothing."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.program import Ran, run


def given(home: Path, text: str) -> Path:
    path = home / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def edited(home: Path, code: str) -> Ran:
    """Run `settings edit` with an editor that is a line of Python; the file's name is its last argument."""
    script = home / "editor.py"
    script.write_text(f"import sys\nfrom pathlib import Path\npath = Path(sys.argv[-1])\n{code}\n")
    return run(home, "settings", "edit", environ={"EDITOR": f"'{sys.executable}' '{script}'"})


def listed(home: Path, *before: str, **environ: str) -> dict[str, tuple[object, str]]:
    ran = run(home, *before, "settings", "--json", environ=environ)
    assert (ran.status, ran.stderr) == (0, "")
    return {row["key"]: (row["value"], row["source"]) for row in json.loads(ran.stdout)}


def test_without_a_file_every_setting_shows_its_default(tmp_path: Path) -> None:
    rows = listed(tmp_path)
    assert rows["url"] == ("http://localhost:1234", "default")
    assert rows["model"] == (None, "default")
    assert rows["color"] == ("auto", "default")
    assert list(tmp_path.iterdir()) == []


def test_each_value_says_where_it_came_from(tmp_path: Path) -> None:
    given(tmp_path, 'model = "a"\nstats = true\n[profile.work]\ntemperature = 0.5\n')
    rows = listed(tmp_path, "--profile", "work", "--url", "http://flag:1", LMCHAT_MODEL="b")
    assert rows["url"] == ("http://flag:1", "--url")
    assert rows["model"] == ("b", "LMCHAT_MODEL")
    assert rows["temperature"] == (0.5, "profile 'work' in settings.toml")
    assert rows["stats"] == (True, "settings.toml")


def test_the_table_names_setting_value_and_source(tmp_path: Path) -> None:
    given(tmp_path, 'model = "acme/tiny"\n')
    lines = run(tmp_path, "settings").stdout.splitlines()
    assert lines[0].split() == ["SETTING", "VALUE", "FROM"]
    assert ["model", "acme/tiny", "settings.toml"] in [line.split() for line in lines]


def test_listings_have_the_colours_the_settings_want(tmp_path: Path) -> None:
    given(tmp_path, 'color = "always"\n')
    assert "\x1b[1m" in run(tmp_path, "settings").stdout


@pytest.mark.parametrize("option", [["--color", "always"], ["--color=always"]])
def test_an_error_has_the_colours_the_command_line_wants(tmp_path: Path, option: list[str]) -> None:
    assert "\x1b[" in run(tmp_path, *option, "sessions", "show", "nothing").stderr
    assert "\x1b[" not in run(tmp_path, "sessions", "show", "nothing").stderr


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    given(tmp_path, '[mcp.search]\nheaders = { Authorization = "Bearer hush" }\n')
    for arguments in (["settings"], ["settings", "--json"]):
        stdout = run(tmp_path, *arguments, environ={"LM_API_TOKEN": "hush-too"}).stdout
        assert "hush" not in stdout
        assert "mcp.search.headers.Authorization" in stdout


def test_path_says_where_the_file_is_though_there_is_none(tmp_path: Path) -> None:
    assert run(tmp_path, "settings", "path") == Ran(0, f"{tmp_path / 'settings.toml'}\n", "")


def test_set_changes_one_line_and_unset_takes_it_away(tmp_path: Path) -> None:
    text = "# mine\nstats = true # always\n"
    path = given(tmp_path, text)
    assert run(tmp_path, "settings", "set", "temperature", "0.5").status == 0
    assert listed(tmp_path)["temperature"] == (0.5, "settings.toml")
    assert "# always" in path.read_text()
    assert run(tmp_path, "settings", "unset", "temperature").status == 0
    assert path.read_text() == text


def test_what_was_done_is_said_on_stderr_without_the_value(tmp_path: Path) -> None:
    ran = run(tmp_path, "settings", "set", "mcp.search.headers.Authorization", "Bearer hush")
    assert (ran.status, ran.stdout) == (0, "")
    assert ran.stderr.startswith("'mcp.search.headers.Authorization' is set in ")
    assert "hush" not in ran.stderr


def test_a_change_that_something_overrules_says_so(tmp_path: Path) -> None:
    ran = run(tmp_path, "settings", "set", "model", "a", environ={"LMCHAT_MODEL": "b"})
    assert "LMCHAT_MODEL overrules it" in ran.stderr


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("temprature", "1", "Did you mean 'temperature'?"),
        ("temperature", "warm", "must be a number from 0 to 1, not 'warm'"),
        ("temperature", "-1", "must be a number from 0 to 1, not -1"),
        ("color", "purple", "must be auto, always or never"),
        ("default_profile", "nowhere", "There is no profile 'nowhere'"),
    ],
)
def test_what_does_not_fit_is_not_written(tmp_path: Path, key: str, value: str, words: str) -> None:
    ran = run(tmp_path, "settings", "set", key, value)
    assert ran.status == 2
    assert words in ran.stderr
    assert not (tmp_path / "settings.toml").exists()


def test_the_editor_opens_a_file_that_explains_every_setting(tmp_path: Path) -> None:
    ran = edited(tmp_path, "assert '# temperature = 0.7' in path.read_text()")
    assert (ran.status, ran.stdout, ran.stderr) == (0, "", "")
    assert listed(tmp_path)["temperature"] == (None, "default")


def test_a_flaw_made_in_the_editor_is_named_and_stays_in_the_file(tmp_path: Path) -> None:
    given(tmp_path, "stats = true\n")
    ran = edited(tmp_path, "path.write_text('stats = true\\ncolr = \"never\"\\n')")
    assert ran.status == 2
    assert "settings.toml, line 2: 'colr' is not a setting." in ran.stderr
    assert "Did you mean 'color'?" in ran.stderr
    assert (tmp_path / "settings.toml").read_text() == 'stats = true\ncolr = "never"\n'


def test_a_broken_file_can_be_edited_until_it_is_whole(tmp_path: Path) -> None:
    given(tmp_path, "this is = = broken\n")
    assert edited(tmp_path, "path.write_text('stats = true\\n')").status == 0
    assert listed(tmp_path)["stats"] == (True, "settings.toml")


def test_bytes_that_are_no_text_are_told_after_editing(tmp_path: Path) -> None:
    ran = edited(tmp_path, "path.write_bytes(b'\\xff\\xfe')")
    assert ran.status == 2
    assert (tmp_path / "settings.toml").read_bytes() == b"\xff\xfe"


@pytest.mark.parametrize("editor", ["/nowhere/editor", "'unclosed", "false"])
def test_an_editor_that_does_not_work_is_named(tmp_path: Path, editor: str) -> None:
    path = given(tmp_path, "stats = true\n")
    ran = run(tmp_path, "settings", "edit", environ={"VISUAL": editor, "EDITOR": "true"})
    assert ran.status == 2
    assert editor in ran.stderr
    assert path.read_text() == "stats = true\n"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["settings", "--help"], ["help", "ask"], ["settings", "path"], ["--version"]]
)
def test_a_broken_file_stops_no_help(tmp_path: Path, arguments: list[str]) -> None:
    given(tmp_path, "this is = = broken\n")
    ran = run(tmp_path, *arguments)
    assert (ran.status, ran.stderr) == (0, "")


def test_a_broken_file_is_told_with_its_line(tmp_path: Path) -> None:
    given(tmp_path, "stats = true\nthis is = = broken\n")
    for arguments in (["settings"], ["settings", "set", "stats", "false"]):
        ran = run(tmp_path, *arguments)
        assert ran.status == 2
        assert "settings.toml, line 2" in ran.stderr
        assert "settings edit" in ran.stderr
