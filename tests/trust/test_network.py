"""lmchat speaks to the configured server and to nothing else; where none is configured, to this machine alone."""

import json
import os
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.program import MODELS, reply
from tests.support.scripted import Request, ScriptedServer, Steps, answer, stream

_PROGRAM = """
import json, sys

places = []

def watch(event, arguments):
    if event == "socket.getaddrinfo":
        places.append([str(arguments[0]), arguments[1]])
    elif event in {"socket.connect", "socket.sendto"} and isinstance(arguments[1], tuple):
        places.append([str(arguments[1][0]), arguments[1][1]])

sys.addaudithook(watch)
from lmchat.__main__ import main
try:
    status = main()
finally:
    with open(LOG, "w") as file:
        json.dump(places, file)
sys.exit(status)
"""
"""The program, noting every host that it looks up, connects to or sends a packet to."""


def spoken_to(home: Path, *arguments: str, **environ: str) -> set[tuple[str, int]]:
    """Run the program and return the hosts and ports that it had to do with."""
    log = home / "places.json"
    subprocess.run(
        [sys.executable, "-c", _PROGRAM.replace("LOG", repr(str(log))), *arguments],
        env={**os.environ, "LMCHAT_HOME": str(home), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    return {(host, port) for host, port in json.loads(log.read_text())}


def served(request: Request) -> Steps:
    return answer(200, MODELS) if request.method == "GET" else stream(reply())


COMMANDS = (
    ("ask", "-m", "tiny", "hi"), ("ask", "-s", "s", "hi"), ("models",), ("models", "load", "tiny"),
    ("models", "unload", "tiny"), ("ask", "--private", "-m", "tiny", "hi"),
)  # fmt: skip


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_configured_server_is_the_only_one(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with ScriptedServer(served) as server:
        place = urlsplit(server.url)
        assert spoken_to(tmp_path, "--url", server.url, *arguments) <= {(str(place.hostname), place.port)}


ALONE = (
    ("--version",), ("--help",), ("sessions",), ("settings",), ("sessions", "search", "a"), ("sessions", "check"),
    ("settings", "set", "model", "m"), ("completion", "bash"), ("local",),
)  # fmt: skip


@pytest.mark.parametrize("arguments", ALONE, ids=" ".join)
def test_what_needs_no_server_speaks_to_none(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert spoken_to(tmp_path, *arguments, LMCHAT_URL="http://models.example.com") == set()


def test_without_a_server_only_this_machine_is_asked(tmp_path: Path) -> None:
    environ = {"LMCHAT_LOCAL_MODEL": str(tmp_path / "none.gguf"), "LMCHAT_LOCAL_KEEP": "0"}
    hosts = {host for host, _ in spoken_to(tmp_path, "models", **environ)}
    assert hosts
    assert all(host == "localhost" or ip_address(host).is_loopback for host in hosts)


def test_no_proxy_of_the_environment_sees_what_goes_to_this_machine(tmp_path: Path) -> None:
    with ScriptedServer(served) as server, ScriptedServer(served) as proxy:
        spoken_to(tmp_path, "--url", server.url, "models", http_proxy=proxy.url, all_proxy=proxy.url)
        assert (len(server.requests), proxy.requests) == (1, [])
