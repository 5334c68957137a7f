"""A flaw of the file is named by file, line, key and the nearest known key, and never passes."""

from pathlib import Path

import pytest

from lmchat.errors import SettingsError
from lmchat.settings import read_settings, settings_path, validate_text
from tests.support.worlds import world_in


def flaw(text: str) -> SettingsError:
    """Return the error a settings file ends with."""
    with pytest.raises(SettingsError) as caught:
        validate_text(text, Path("settings.toml"))
    return caught.value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("temperature = 1.5", "line 1: 'temperature' must be a number from 0 to 1, not 1.5."),
        ("temperature = nan", "line 1: 'temperature' must be a number from 0 to 1, not nan."),
        ("temperature = true", "line 1: 'temperature' must be a number from 0 to 1, not true."),
        ("repeat_penalty = 0", "line 1: 'repeat_penalty' must be a number above 0, not 0."),
        ("repeat_penalty = inf", "line 1: 'repeat_penalty' must be a number above 0, not inf."),
        ("top_k = 4.0", "line 1: 'top_k' must be a whole number, 1 or more, not 4.0."),
        (
            "context_length = 99999999999",
            "line 1: 'context_length' must be a whole number, 1 or more, not 99999999999.",
        ),
        ("# c\n\nstats = 'yes'", "line 3: 'stats' must be true or false, not 'yes'."),
        ("color = 'red'", "line 1: 'color' must be auto, always or never, not 'red'."),
        ("keys = ['vi']", "line 1: 'keys' must be emacs or vi, not a list."),
        ("model = {a = 1}", "line 1: 'model' must be a model's key, not a table."),
        ("model = 2026-01-01", "line 1: 'model' must be a model's key, not 2026-01-01."),
        ("[profile.a]\nmodel = 'x'\ntop_p = 2", "line 3: 'profile.a.top_p' must be a number from 0 to 1, not 2."),
        ("[mcp.a]\ntools = 'x'", "line 2: 'mcp.a.tools' must be a list of names, not 'x'."),
        ("[mcp.a]\nurl = 'x'", "line 2: 'mcp.a.url' must be an address like https://example.com/mcp, not 'x'."),
        ("system = '''\ntop_k = 0\n'''\ntop_k = 0", "line 4: 'top_k' must be a whole number, 1 or more, not 0."),
        ("title = 1\r\ntop_k = 2\r\n", "line 1: 'title' must be true or false, not 1."),
        ("system = 'a\u2028b'\ntitle = 1", "line 2: 'title' must be true or false, not 1."),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_line(text: str, message: str) -> None:
    assert flaw(text).message == f"settings.toml, {message}"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("\ntemprature = 1", "line 2: 'temprature' is not a setting.", "Did you mean 'temperature'?"),
        ("[profile.w]\nmodle = 'x'", "line 2: 'profile.w.modle' is not a setting.", "Did you mean 'model'?"),
        ("[mcp.w]\nheader = 'x'", "line 2: 'mcp.w.header' is not a setting.", "Did you mean 'headers'?"),
        ("[profiles.w]\nmodel = 'x'", "line 1: 'profiles' is not a setting.", "Did you mean 'profile'"),
        ("token = 'secret'", "line 1: 'token' is not a setting.", "Did you mean 'token_env'"),
        ("profile = 'w'", "line 1: 'profile' must be a table.", "default_profile chooses one."),
        ("[profile.w]\ncolor = 'never'", "line 2: 'profile.w.color' is not a setting.", "Known here: url, api, model"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_nearest(text: str, message: str, hint: str) -> None:
    error = flaw(text)
    assert error.message == f"settings.toml, {message}"
    assert hint in error.hint


@pytest.mark.parametrize(
    ("text", "line"), [("a = 1\nb =\n", 2), ("model = 'x", 1), ("a = 1\nb = [\n1,\n", 3), ("a = 1\na = 2", 2)]
)
def test_broken_toml_is_named_with_its_line(text: str, line: int) -> None:
    error = flaw(text)
    assert error.message.startswith(f"settings.toml, line {line}: this is not TOML: ")
    assert "lmchat settings edit" in error.hint


def test_a_default_profile_that_does_not_exist_is_named_with_its_line() -> None:
    error = flaw('title = true\ndefault_profile = "wrok"\n[profile.work]\n')
    assert error.message == "settings.toml, line 2: There is no profile 'wrok', which default_profile names."
    assert error.hint == "Did you mean 'work'?"


@pytest.mark.parametrize(
    "text",
    [
        '[mcp.a.headers]\nAuthorization = "SECRET\\u0007"',
        '[mcp.a]\nheaders = "SECRET"',
        'token_env = "sk-lm-SECRET:x"',
        'token_command = "echo \'SECRET"',
        'url = "http://me:SECRET@box/a b"',
        'url = "http://me:p@SECRET@box/a b"',
        'url = "me:SECRET@box/a b"',
        'token = "SECRET"',
    ],
)
def test_no_secret_is_in_a_message(text: str) -> None:
    error = flaw(text)
    assert "SECRET" not in f"{error.message} {error.hint}"


def test_a_file_that_is_not_text_is_named_with_its_line(tmp_path: Path) -> None:
    world = world_in(tmp_path)
    settings_path(world).write_bytes(b"stats = true\nmodel = '\xff'\n")
    with pytest.raises(SettingsError, match=r"settings\.toml, line 2: this is not UTF-8 text\."):
        read_settings(world)


def test_a_directory_in_place_of_the_file_is_an_error_of_the_settings(tmp_path: Path) -> None:
    world = world_in(tmp_path)
    settings_path(world).mkdir()
    with pytest.raises(SettingsError, match=r"settings\.toml cannot be read"):
        read_settings(world)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert read_settings(world_in(tmp_path, "\ufeffmodel = 'm'\r\n")).text("model") == "m"


@pytest.mark.parametrize("text", ["model = " + "[" * 5000, "top_k = " + "1" * 5000, "top_k = 0x" + "f" * 5000])
def test_a_monstrous_file_is_an_error_of_the_settings(text: str) -> None:
    assert "settings.toml" in flaw(text).message
