"""What lmchat itself says obeys nothing that others wrote, on a terminal, in a pipe and in a log."""

import re
from io import BytesIO
from pathlib import Path

import pytest

import lmchat
from lmchat.__main__ import main
from lmchat.world import World, standard_directories
from tests.support.program import MODELS, Ran, Terminal, reply, run
from tests.support.scripted import Request, ScriptedServer, Steps, answer, stream

HOSTILE = "\x1b]0;owned\x07\u202e\u2028\x9b2J\x7f"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
SERVER = MODELS.replace("Tiny", "Ti\\u001b[2Jny")


def on_terminal(home: Path, *arguments: str, term: str) -> Ran:
    """Run the program with a terminal for its output."""
    streams = [BytesIO(), BytesIO()]
    out, err = (Terminal(each, encoding="utf-8", write_through=True) for each in streams)
    environ = {"LMCHAT_HOME": str(home), "TERM": term}
    world = World(Terminal(BytesIO(), encoding="utf-8"), out, err, environ, standard_directories(environ))
    status = main(arguments, world)
    return Ran(int(status), streams[0].getvalue().decode(), streams[1].getvalue().decode())


COMMANDS = (
    ("--version",), ("--help",), ("help", "ask"),
    ("sessions",), ("sessions", "show", "s"), ("sessions", "tree", "s"), ("sessions", "search", "blue"),
    ("sessions", "export", "s"), ("sessions", "show", "none"), ("sessions", "nonsense"),
    ("settings",), ("settings", "path"), ("settings", "set", "temperature", "0.5"),
    ("models",), ("models", "load", "tiny"), ("models", "unload", "none"), ("--debug", "models"),
    ("servers",), ("prompts",), ("local",), ("sessions", "check"), ("sessions", "restore"),
    ("ask", "--stats", "-s", "s", "hi"), ("ask", "--debug", "--show-reasoning", "hi"),
)  # fmt: skip


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_terminal_without_escapes_gets_none_from_any_command(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with ScriptedServer(stream(reply())) as server:
        assert run(tmp_path, "--url", server.url, "ask", "-s", "s", "-m", "tiny", "**blue** `sky`").status == 0

    def served(request: Request) -> Steps:
        return answer(200, SERVER) if request.path.endswith("/models") else stream(reply())

    with ScriptedServer(served) as server:
        ran = on_terminal(tmp_path, "--url", server.url, *arguments, term="dumb")
    assert ran.stdout + ran.stderr
    assert "\x1b" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("sessions", "show", HOSTILE),
        ("models", "load", HOSTILE),
        ("settings", "set", HOSTILE, "1"),
        ("settings", "set", "model", HOSTILE),
        (HOSTILE,),
        ("ask", f"--{HOSTILE}"),
        ("ask", "-f", HOSTILE, "hi"),
        ("sessions", "import", HOSTILE),
        ("--debug", "ask", "-m", HOSTILE, "hi"),
        ("--debug", "ask", "-m", "tiny", "-s", "new" + HOSTILE, "hi"),
        ("sessions", "search", HOSTILE),
    ],
    ids=str,
)
def test_what_lmchat_says_into_a_pipe_obeys_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    broken = answer(400, '{"error":{"message":"No \\u001b[2J\\u202e model","type":"invalid_request"}}')
    with ScriptedServer(broken) as server:
        ran = run(tmp_path, "--url", server.url, *arguments)
    assert ran.stderr
    assert OBEYED.findall(ran.stderr) == []


def test_stderr_is_written_to_where_what_is_written_is_made_safe() -> None:
    """Every other file says what it has to say through one of these."""
    root = Path(lmchat.__file__).parent
    writers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"stderr\.write\(|print_exc|file=.*stderr\)", path.read_text(encoding="utf-8"))
    }
    own = {
        "app/maintenance.py",
        "app/invocation.py",
        "local/shared_server.py",
        "local/upstream.py",
        "repl/picker/sessions.py",
    }
    assert writers <= {"render/messages.py", *own}
