"""Setting and unsetting change one value, and leave every comment and everything else where it was."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from lmchat.errors import LmchatError, SettingsError
from lmchat.settings import KEYS, read_settings, settings_path, validate_text
from lmchat.settings.edit import edit_value, remove_value, starting_text
from tests.support.worlds import world_in

FILE = """\
# My settings.

model = "old"   # the quick one
stats = true

# At the office.
[profile.work]
url = "http://work:1"  # second floor

# Searching.
[mcp.search]
headers = { Authorization = "x" }
"""


def after_setting(directory: Path, text: str | None, key: str, value: str) -> str:
    """Return the file's text after a value was set."""
    world = world_in(directory, text)
    return edit_value(world, key, value).read_bytes().decode()


def after_unsetting(directory: Path, text: str, key: str) -> str:
    """Return the file's text after a value was removed."""
    return remove_value(world_in(directory, text), key).read_bytes().decode()


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("model", "new", '"old"   # the', '"new"   # the'),
        ("stats", "off", "stats = true", "stats = false"),
        ("top_k", "40", "stats = true\n", "stats = true\ntop_k = 40\n"),
        ("temperature", "0.5", "stats = true\n", "stats = true\ntemperature = 0.5\n"),
        ("profile.work.model", "m", "# second floor\n", '# second floor\nmodel = "m"\n'),
        ("mcp.search.tools", "a, b", '"x" }\n', '"x" }\ntools = ["a", "b"]\n'),
        ("mcp.search.headers.X-Key", "y", '"x" }', '"x", X-Key = "y"}'),
        ("profile.home.url", "local", '"x" }\n', '"x" }\n\n[profile.home]\nurl = "local"\n'),
        ('profile."my box".url', "local", '"x" }\n', '"x" }\n\n[profile.\'my box\']\nurl = "local"\n'),
    ],
)
def test_setting_changes_one_place(tmp_path: Path, key: str, value: str, before: str, after: str) -> None:
    assert before in FILE
    assert after_setting(tmp_path, FILE, key, value) == FILE.replace(before, after)


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("model", 'model = "old"   # the quick one\n', ""),
        ("profile.work.url", 'url = "http://work:1"  # second floor\n', ""),
        ("profile.work", '[profile.work]\nurl = "http://work:1"  # second floor\n', ""),
        ("mcp.search", '[mcp.search]\nheaders = { Authorization = "x" }\n', ""),
    ],
)
def test_unsetting_takes_one_place_away(tmp_path: Path, key: str, before: str, after: str) -> None:
    assert before in FILE
    assert after_unsetting(tmp_path, FILE, key) == FILE.replace(before, after)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, 'model = "m"\n'),
        ("# note\n", '# note\nmodel = "m"\n'),
        ("# work\n[profile.work]\n", 'model = "m"\n\n# work\n[profile.work]\n'),
        ("# all\n\n# work\n[profile.work]\n", '# all\n\nmodel = "m"\n\n# work\n[profile.work]\n'),
        ("stats = true", 'stats = true\nmodel = "m"\n'),
        ("stats = true\r\n", 'stats = true\r\nmodel = "m"\r\n'),
    ],
)
def test_a_first_key_finds_its_place(tmp_path: Path, text: str | None, expected: str) -> None:
    assert after_setting(tmp_path, text, "model", "m") == expected


def test_a_file_from_windows_keeps_its_line_ends_and_order(tmp_path: Path) -> None:
    text = "[profile.a]\r\nmodel = 'm'\r\n\r\n# b\r\n[profile.b]\r\n"
    expected = text.replace("'m'\r\n", "'m'\r\ntop_k = 1\r\n")
    assert after_setting(tmp_path, text, "profile.a.top_k", "1") == expected


@pytest.mark.parametrize(
    "text",
    [
        'profile.work.url = "u"\nstats = true\n',
        'profile = { work = { url = "u" } }\n',
        '[profile]\nwork = { url = "u" }\n',
        '[profile]\nwork.url = "u"\n[mcp.a]\n',
        '[profile.work]\nurl = "u"\n[mcp.a]\n[profile.home]\n',
        'system = """\n[profile.work]\n"""\n[profile.work]\nurl = """u"""\n',
    ],
)
def test_every_way_of_writing_a_profile_can_be_changed(tmp_path: Path, text: str) -> None:
    changed = tomllib.loads(after_setting(tmp_path, text, "profile.work.model", "m"))
    assert changed["profile"]["work"] == {"url": "u", "model": "m"}
    back = tomllib.loads(after_unsetting(tmp_path, settings_path(world_in(tmp_path)).read_text(), "profile.work.model"))
    assert back == tomllib.loads(text)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("temprature", "1", "'temprature' is not a setting."),
        ("temperature", "warm", "'temperature' must be a number from 0 to 1, not 'warm'."),
        ("temperature", "nan", "'temperature' must be a number from 0 to 1, not nan."),
        ("stats", "maybe", "'stats' must be true or false, not 'maybe'."),
        ("profile.work.color", "never", "'profile.work.color' is not a setting."),
        ("profile", "work", "'profile' must be a table."),
        ("default_profile", "wrk", "There is no profile 'wrk', which default_profile names."),
        ("mcp.search.headers.a b", "x", "'mcp.search.headers.a b' is not a setting."),
        ("", "x", "'' is not a setting."),
        ("model\n", "x", "'model\\n' is not a setting."),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_written(tmp_path: Path, key: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        after_setting(tmp_path, FILE, key, value)
    assert caught.value.message == message
    assert settings_path(world_in(tmp_path)).read_text() == FILE


def test_a_broken_file_is_left_alone_and_says_how_to_open_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"settings\.toml, line 2: this is not TOML") as caught:
        after_setting(tmp_path, "stats = true\nmodel =\n", "model", "m")
    assert "lmchat settings edit" in caught.value.hint
    assert settings_path(world_in(tmp_path)).read_text() == "stats = true\nmodel =\n"


def test_a_bad_value_can_be_mended_while_another_is_bad_too(tmp_path: Path) -> None:
    assert after_setting(tmp_path, "top_k = 0\nstats = 3\n", "top_k", "1") == "top_k = 1\nstats = 3\n"


def test_an_unknown_key_can_be_taken_out(tmp_path: Path) -> None:
    assert after_unsetting(tmp_path, "temprature = 1\nstats = true\n", "temprature") == "stats = true\n"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("top_k", r"'top_k' is not set in .*settings\.toml\."),
        ("modle", "'modle' is not a setting."),
        ("profile.home", "'profile.home' is not set in"),
        ("profile", "'profile' is a table of several."),
    ],
)
def test_unsetting_what_is_not_there_is_refused(tmp_path: Path, key: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        after_unsetting(tmp_path, FILE, key)


def test_the_default_profile_cannot_be_taken_away(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Profile 'work' is the default profile"):
        after_unsetting(tmp_path, 'default_profile = "work"\n[profile.work]\n', "profile.work")


def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    world = world_in(tmp_path / "deep" / "down")
    assert edit_value(world, "model", "m").stat().st_mode & 0o777 == 0o600


def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    world = world_in(tmp_path, FILE)
    settings_path(world).chmod(0o640)
    assert edit_value(world, "model", "m").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(FILE)
    world = world_in(tmp_path)
    settings_path(world).symlink_to(real)
    edit_value(world, "model", "m")
    assert settings_path(world).is_symlink()
    assert 'model = "m"' in real.read_text()


def test_a_write_that_fails_leaves_the_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LmchatError, match="cannot be written: No space left on device"):
        after_setting(tmp_path, FILE, "model", "m")
    assert [path.name for path in tmp_path.iterdir()] == ["settings.toml"]
    assert settings_path(world_in(tmp_path)).read_text() == FILE


@rules(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
def test_any_system_prompt_can_be_set_and_read_again(tmp_path: Path, text: str) -> None:
    world = world_in(tmp_path, FILE)
    edit_value(world, "system", text)
    assert read_settings(world).text("system") == text


def test_the_starting_text_is_valid_and_names_every_setting() -> None:
    validate_text(starting_text(), Path("settings.toml"))
    opened = starting_text().replace("# ", "").replace('default_profile = "work"\n', "")
    assert all(f"\n# {key.name} = " in starting_text() for key in KEYS)
    assert "[profile.work]" in opened
