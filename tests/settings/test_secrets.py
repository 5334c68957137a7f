"""Tokens and headers reach the request, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from lmchat.app.connect import server_at
from lmchat.cli.settings import token_place
from lmchat.errors import SettingsError
from lmchat.settings import read_settings, read_token, token_source
from lmchat.wire.address import Address
from tests.support.worlds import world_in

BOTH = """\
token_command = "{python} -c 'print(\\"of-command\\")'"
[profile.work]
token_env = "WORK_TOKEN"
[profile.open]
token_command = ""
"""


def token(directory: Path, text: str, environ: dict[str, str] | None = None, profile: str | None = None) -> str:
    """Read the token that goes to the server of the settings."""
    world = world_in(directory, text.replace("{python}", sys.executable), environ or {})
    settings = read_settings(world, profile=profile)
    return read_token(world, token_source(settings, server_at(Address(settings.text("url")))))


def printing(script: str) -> str:
    """Write a `token_command` that runs a line of Python."""
    return f"token_command = '''{{python}} -c \"{script}\"'''"


def test_without_any_there_is_no_token(tmp_path: Path) -> None:
    assert token(tmp_path, "") == ""


def test_lm_studios_own_variable_is_read(tmp_path: Path) -> None:
    assert token(tmp_path, "", {"LM_API_TOKEN": " sk-lm-a:b\r\n"}) == "sk-lm-a:b"


def test_a_command_of_the_file_comes_before_lm_studios_variable(tmp_path: Path) -> None:
    assert token(tmp_path, BOTH, {"LM_API_TOKEN": "other"}) == "of-command"


def test_a_variable_of_the_profile_comes_before_the_files_command(tmp_path: Path) -> None:
    assert token(tmp_path, BOTH, {"WORK_TOKEN": "of-profile"}, "work") == "of-profile"


def test_a_profile_can_do_without_the_files_command(tmp_path: Path) -> None:
    assert token(tmp_path, BOTH, {"LM_API_TOKEN": "general"}, "open") == "general"


def test_a_missing_variable_never_lets_another_servers_token_through(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"WORK_TOKEN, named by token_env of profile 'work' .* is not set"):
        token(tmp_path, BOTH, {"LM_API_TOKEN": "other"}, "work")


def test_only_the_first_line_of_a_command_counts(tmp_path: Path) -> None:
    assert token(tmp_path, printing("print('  first  \\r\\nsecond')")) == "first"


def test_a_command_is_not_given_to_a_shell(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    assert token(tmp_path, f"token_command = 'echo $HOME;touch>{marker}'") == f"$HOME;touch>{marker}"
    assert not marker.exists()


def test_a_command_sees_the_environment(tmp_path: Path) -> None:
    assert token(tmp_path, printing("import os; print(os.environ['VAULT'])"), {"VAULT": "open"}) == "open"


def test_a_command_leaves_a_piped_prompt_alone(tmp_path: Path) -> None:
    world_in(tmp_path, printing("import sys; print('read:' + sys.stdin.read())").replace("{python}", sys.executable))
    script = (
        "import sys; from lmchat.world import this_world; from lmchat.settings import read_settings, read_token\n"
        "from lmchat.settings import token_source; from lmchat.app.connect import server_at\n"
        "from lmchat.wire.address import Address; server = server_at(Address('localhost'))\n"
        "world = this_world(); print(read_token(world, token_source(read_settings(world), server)), sys.stdin.read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"LMCHAT_HOME": str(tmp_path)},
        input="prompt",
        capture_output=True,
        text=True,
    )
    assert done.stdout == "read: prompt\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (printing("import sys; print('SECRET'); print('SECRET', file=sys.stderr); sys.exit(3)"), "ended with status 3"),
        (printing("print('')"), "printed no token"),
        ("token_command = 'no-such-program SECRET'", "'no-such-program' .* was not found"),
        (printing("print('SECR\\x07ET')"), "characters that no token has"),
        (printing("print('SECRET twice')"), "characters that no token has"),
        (printing("import sys; sys.stdout.buffer.write(b'SECRET\\xff')"), "characters that no token has"),
    ],
)
def test_a_command_that_fails_is_reported_in_one_line_without_its_output(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        token(tmp_path, text)
    said = f"{caught.value.message} {caught.value.hint}"
    assert "SECR" not in said
    assert "\n" not in said


def test_a_token_with_foreign_characters_is_refused_unseen(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="from LM_API_TOKEN") as caught:
        token(tmp_path, "", {"LM_API_TOKEN": "SECRÉT"})
    assert "SECR" not in f"{caught.value.message} {caught.value.hint}"


SECRETS = """\
url = "http://me:SECRET@box:1"
token_command = "echo SECRET"
[mcp.search]
url = "https://me:SECRET@search.example.com/mcp"
tools = ["find"]
headers = { Authorization = "Bearer SECRET" }
"""


def test_no_secret_is_shown(tmp_path: Path) -> None:
    world = world_in(tmp_path, SECRETS, {"LM_API_TOKEN": "SECRET"})
    settings = read_settings(world)
    assert "SECRET" not in repr(settings.rows()) + repr(settings)


@pytest.mark.parametrize("address", ["me:SECRET@box:1", "http://me:p@SECRET@box:1", "https://SECRET@box:1"])
def test_no_password_of_an_address_is_shown(tmp_path: Path, address: str) -> None:
    rows = read_settings(world_in(tmp_path), flags={"url": address}).rows()
    assert rows[0].shown.endswith("box:1")
    assert "SECRET" not in rows[0].shown


def test_where_the_token_comes_from_is_shown(tmp_path: Path) -> None:
    settings = read_settings(world_in(tmp_path, "", {"LM_API_TOKEN": "x"}))
    rows = {row.name: row for row in settings.rows(token_place(settings))}
    assert (rows["token"].shown, rows["token"].source) == ("(hidden)", "LM_API_TOKEN")


def test_headers_are_found_by_their_servers_label(tmp_path: Path) -> None:
    settings = read_settings(world_in(tmp_path, SECRETS.replace("me:SECRET@", "")))
    assert settings.mcp_headers("search", "https://search.example.com/mcp") == {"Authorization": "Bearer SECRET"}
    assert settings.mcp_headers("other", "https://search.example.com/mcp") == {}
    assert settings.withheld_headers("other", "https://search.example.com/mcp") == ""


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://search.example.com/mcp", True),
        ("https://search.example.com/mcp/", True),
        ("HTTPS://Search.Example.COM:443/mcp", True),
        ("https://evil.example.com/mcp", False),
        ("http://search.example.com/mcp", False),
        ("https://search.example.com:444/mcp", False),
        ("https://search.example.com/other", False),
        ("https://search.example.com/mcp?to=evil", False),
        ("https://search.example.com@evil.example.com/mcp", False),
        ("https://search.example.com.evil.example.com/mcp", False),
        ("https://evil.example.com/https://search.example.com/mcp", False),
        ("https://[bad", False),
        ("https://search.example.com:99999999/mcp", False),
        ("", False),
    ],
)
def test_headers_go_to_the_address_beside_them_only(tmp_path: Path, url: str, same: bool) -> None:
    settings = read_settings(world_in(tmp_path, SECRETS.replace("me:SECRET@", "")))
    assert bool(settings.mcp_headers("search", url)) is same
    assert bool(settings.withheld_headers("search", url)) is not same
    assert "SECRET" not in settings.withheld_headers("search", url)


def test_headers_without_an_address_go_nowhere(tmp_path: Path) -> None:
    settings = read_settings(world_in(tmp_path, '[mcp.search]\nheaders = { Authorization = "Bearer SECRET" }\n'))
    for url in ("https://evil.example.com/mcp", ""):
        assert settings.mcp_headers("search", url) == {}
        assert "has no url beside them" in settings.withheld_headers("search", url)
