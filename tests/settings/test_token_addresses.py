"""A token belongs to an address: who gets which, however the address is written and wherever it comes from."""

import sys
from pathlib import Path

import pytest

from lmchat.app.connect import server_at
from lmchat.settings import read_settings, read_token, token_source, withheld
from lmchat.wire.address import Address
from tests.support.program import reply, run
from tests.support.scripted import ScriptedServer, stream
from tests.support.worlds import world_in

WORK, FILE, OTHER, DEFAULT = "http://work.example:80", "http://file.example", "http://other.example", "localhost"
COMMAND = f"token_command = '''{sys.executable} -c \"print('%s')\"'''"


def goes(
    directory: Path, text: str, environ: dict[str, str], *, url: str | None = None, profile: str | None = None
) -> tuple[str, str]:
    """Return the token that goes to the server, and what is said of one that does not."""
    world = world_in(directory, text, environ)
    settings = read_settings(world, flags={"url": url}, profile=profile)
    server = server_at(Address(settings.text("url")))
    return read_token(world, token_source(settings, server)), withheld(settings, server)


def written(place: str, kind: str) -> str:
    """Write one way to have a token, which is named after where it is."""
    return COMMAND % f"of-{place}" if kind == "token_command" else f'token_env = "{place.upper()}_TOKEN"'


@pytest.mark.parametrize("kind", ["token_command", "token_env"])
@pytest.mark.parametrize(
    ("given", "chosen", "file_url", "expected"),
    [
        # The address, the profile that is chosen, whether the file has an address, and the token that goes there.
        ({"url": OTHER}, None, True, "general"),
        ({"url": OTHER}, "work", True, "general"),
        ({"url": WORK}, "work", True, "of-work"),
        ({"url": WORK}, None, True, "general"),
        ({"url": FILE}, "work", True, "of-file"),
        ({"url": FILE}, None, True, "of-file"),
        ({"url": FILE}, "bare", True, "of-file"),
        ({"url": DEFAULT}, "work", True, "general"),
        ({"url": DEFAULT}, None, False, "of-file"),
        ({"LMCHAT_URL": OTHER}, None, True, "general"),
        ({"LMCHAT_URL": OTHER}, "work", True, "of-work"),  # --profile on the command line is the nearer word
        ({"LMCHAT_URL": FILE}, None, True, "of-file"),
        ({"LMCHAT_URL": OTHER, "LMCHAT_PROFILE": "work"}, None, True, "general"),
        ({"LMCHAT_URL": WORK, "LMCHAT_PROFILE": "work"}, None, True, "of-work"),
        ({}, "work", True, "of-work"),
        ({}, "bare", True, ""),
        ({}, None, True, "of-file"),
        ({}, None, False, "of-file"),
    ],
)
def test_a_token_goes_to_the_server_it_is_written_beside(
    tmp_path: Path, given: dict[str, str], chosen: str | None, file_url: bool, expected: str, kind: str
) -> None:
    address = f'url = "{FILE}"' if file_url else ""
    text = (
        f"{address}\n{written('file', kind)}\n"
        f'[profile.work]\nurl = "{WORK}"\n{written("work", kind)}\n'
        '[profile.bare]\nurl = "http://bare.example"\n'
    )
    environ = {"LM_API_TOKEN": "general", "WORK_TOKEN": "of-work", "FILE_TOKEN": "of-file"}
    environ |= {name: value for name, value in given.items() if name.isupper()}
    token, said = goes(tmp_path, text, environ, url=given.get("url"), profile=chosen)
    assert token == expected
    assert bool(said) is not bool(expected)


@pytest.mark.parametrize(
    ("written_url", "url", "same"),
    [
        ("http://work.example:8080", "http://work.example:8080", True),
        ("http://work.example:8080", "work.example:8080/", True),
        ("http://work.example:8080", "HTTP://Work.EXAMPLE:8080", True),
        ("http://work.example:8080", "http://me:pw@work.example:8080", True),
        ("http://me:pw@work.example:8080", "http://work.example:8080", True),
        ("http://work.example:8080", "http://work.example.:8080", True),
        ("http://work.example:8080", "http://work.example:8080/api/v1", True),
        ("http://work.example", "http://work.example:80", True),
        ("https://work.example:443", "https://work.example", True),
        ("work.example", "http://work.example:1234", True),
        ("http://bücher.example", "http://xn--bcher-kva.example", True),
        ("http://BÜCHER.example", "http://bücher.example", True),
        ("http://[::1]:80", "http://[0:0:0:0:0:0:0:1]", True),
        ("http://work.example:8080", "https://work.example:8080", False),
        ("http://work.example:8080", "http://work.example:8081", False),
        ("http://work.example:8080", "http://work.example", False),
        ("https://work.example", "http://work.example:443", False),
        ("http://work.example", "http://work.example.evil.example", False),
        ("http://work.example", "http://sub.work.example", False),
        ("http://work.example", "http://work.example@evil.example", False),
        ("http://work.example", "http://work.example:80@evil.example", False),
        ("http://work.example", "http://evil.example/work.example", False),
        ("http://work.example", "http://wοrk.example", False),
        ("http://straße.example", "http://strasse.example", False),
        ("http://1.2.3.4", "http://1.2.3.4%.evil.example", False),
        ("http://[fe80::1%25eth0]", "http://[fe80::1%25eth1]", False),
        ("local", "http://local:1234", False),
    ],
)
@pytest.mark.parametrize("kind", ["token_command", "token_env"])
def test_two_addresses_are_one_server_by_scheme_host_and_port(
    tmp_path: Path, written_url: str, url: str, same: bool, kind: str
) -> None:
    text = f'[profile.work]\nurl = "{written_url}"\n{written("work", kind)}\n'
    token, said = goes(tmp_path, text, {"WORK_TOKEN": "of-work"}, url=url, profile="work")
    assert token == ("of-work" if same else "")
    assert bool(said) is not same


@pytest.mark.parametrize(
    ("text", "environ", "url", "sent"),
    [
        ("", {}, None, True),
        ("", {}, "http://studio.example", True),
        ("", {"LMCHAT_URL": "http://studio.example"}, None, True),
        ('url = "http://127.0.0.1:9"', {}, None, True),
        ('url = "http://[::1]:9"', {}, None, True),
        ('url = "http://LOCALHOST.:9"', {}, None, True),
        ('url = "http://studio.example"', {}, None, False),
        ('url = "http://127.0.0.1.example"', {}, None, False),
        ('url = "http://127.0.0.1%.example"', {}, None, False),
        ('url = "http://localhost.example"', {}, None, False),
        ('url = "http://localhost@studio.example"', {}, None, False),
        ('url = "http://studio.example"', {"LMCHAT_URL": "http://STUDIO.example:80"}, None, True),
        ('url = "http://studio.example"\ntoken_env = "LM_API_TOKEN"', {}, None, True),
        ('default_profile = "a"\n[profile.a]\nurl = "http://studio.example"', {}, None, False),
    ],
)
def test_lm_studios_own_variable_goes_to_this_machine_and_to_an_address_given_now(
    tmp_path: Path, text: str, environ: dict[str, str], url: str | None, sent: bool
) -> None:
    token, said = goes(tmp_path, text, {"LM_API_TOKEN": "general", **environ}, url=url)
    assert token == ("general" if sent else "")
    assert ("LM_API_TOKEN is not sent to" in said) is not sent


def test_a_command_whose_token_goes_nowhere_is_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    text = f"[profile.work]\nurl = '{WORK}'\ntoken_command = 'touch {marker}'\n"
    assert goes(tmp_path, text, {}, url=OTHER, profile="work")[0] == ""
    assert not marker.exists()


def test_another_server_gets_no_token_and_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        '[profile.work]\nurl = "https://me:PASS@work.example"\ntoken_env = "SECRET"\n'
    )
    with ScriptedServer(stream(reply())) as server:
        arguments = ("--profile", "work", "--url", server.url, "ask", "-m", "tiny", "hi")
        ran = run(tmp_path, *arguments, environ={"SECRET": "sk-lm-work"})
        assert "authorization" not in {name.lower() for name in server.requests[0].headers}
    assert ran.stdout == "Blue.\n"
    assert ran.stderr == (
        "lmchat: The token_env of profile 'work' in settings.toml is not sent to 127.0.0.1: "
        "it belongs to https://work.example.\n"
    )


def test_the_server_beside_it_gets_the_token(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        (tmp_path / "settings.toml").write_text(f'[profile.work]\nurl = "{server.url}"\ntoken_env = "SECRET"\n')
        environ = {"SECRET": "sk-lm-work", "LMCHAT_URL": "http://127.0.0.1:9"}
        ran = run(tmp_path, "--profile", "work", "ask", "-m", "tiny", "hi", environ=environ)
        headers = {name.lower(): value for name, value in server.requests[0].headers.items()}
    assert (ran.status, headers["authorization"], ran.stderr) == (0, "Bearer sk-lm-work", "")


def test_headers_that_do_not_go_along_are_said_once(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('[mcp.search]\nheaders = { Authorization = "Bearer SECRET" }\n')
    with ScriptedServer(stream(reply())) as server:
        arguments = ("--url", server.url, "ask", "-m", "tiny", "--mcp", "search=https://me:PASS@evil.example/mcp", "hi")
        ran = run(tmp_path, *arguments)
        assert "headers" not in server.requests[0].json["integrations"][0]
    assert ran.stderr == (
        "lmchat: The headers of [mcp.search] are not sent to https://evil.example/mcp: "
        "settings.toml has no url beside them.\n"
    )
