"""Files that commands write: none is replaced without a question, none has a wrong suffix, and where it is is said."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pexpect
import pytest

from tests.support.program import Ran, reply, run
from tests.support.scripted import HOLD, ScriptedServer, stream

WRITERS = {
    "ask -o": ("ask", "-m", "tiny", "hi", "-o"),
    "export -o": ("sessions", "export", "trip", "-o"),
    "backup": ("sessions", "backup"),
}
EVERY = pytest.mark.parametrize("line", WRITERS.values(), ids=list(WRITERS))


def written(home: Path, line: tuple[str, ...], *more: str) -> Ran:
    """Run a command that writes a file, in a home with one session."""
    with ScriptedServer(stream(reply())) as server:
        run(home, "--url", server.url, "ask", "-m", "tiny", "-s", "trip", "hi")
        return run(home, "--url", server.url, *line, *more)


@EVERY
def test_a_new_file_is_written_and_its_absolute_path_is_said(
    tmp_path: Path, line: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    ran = written(tmp_path, line, "../out.md")
    assert (ran.status, ran.stdout) == (0, "")
    assert f" {tmp_path}/out.md" in ran.stderr
    assert (tmp_path / "out.md").stat().st_size > 0


@EVERY
def test_a_file_that_is_there_stays_without_a_terminal_unless_that_is_forced(
    tmp_path: Path, line: tuple[str, ...]
) -> None:
    file = tmp_path / "out.md"
    file.write_text("mine")
    file.chmod(0o640)
    ran = written(tmp_path, line, str(file))
    assert (ran.status, file.read_text()) == (2, "mine")
    assert ran.stderr.splitlines()[-1] == "hint: Give another name, or --force to replace it."
    ran = written(tmp_path, line, str(file), "--force")
    assert ran.status == 0
    assert "in place of what was there" in ran.stderr
    assert b"mine" not in file.read_bytes()


@EVERY
def test_an_empty_file_has_nothing_to_lose(tmp_path: Path, line: tuple[str, ...]) -> None:
    (tmp_path / "out.md").touch()
    assert written(tmp_path, line, f"{tmp_path}/out.md").status == 0
    assert (tmp_path / "out.md").stat().st_size > 0


@EVERY
@pytest.mark.parametrize("suffix", [".pdf", ".DOCX", ".png"])
def test_a_form_that_there_is_none_of_is_refused_by_name(tmp_path: Path, line: tuple[str, ...], suffix: str) -> None:
    ran = written(tmp_path, line, f"{tmp_path}/out{suffix}")
    assert ran.status == 2
    assert f"as {suffix.lower()}." in ran.stderr
    assert not (tmp_path / f"out{suffix}").exists()


def test_a_session_is_refused_in_an_unknown_form_with_the_known_ones(tmp_path: Path) -> None:
    ran = written(tmp_path, WRITERS["export -o"], f"{tmp_path}/out.rst")
    assert ran.status == 2
    assert "The name decides the form: .md, .html, .json" in ran.stderr


def test_a_reply_may_be_code(tmp_path: Path) -> None:
    assert written(tmp_path, WRITERS["ask -o"], f"{tmp_path}/out.py").status == 0
    assert (tmp_path / "out.py").read_text() == "Blue.\n"


@EVERY
def test_what_cannot_be_written_is_found_out_before_anything_is_asked(tmp_path: Path, line: tuple[str, ...]) -> None:
    with ScriptedServer(stream(reply())) as server:
        run(tmp_path, "--url", server.url, "ask", "-m", "tiny", "-s", "trip", "hi")
        for path in (f"{tmp_path}/none/out.md", str(tmp_path)):
            assert run(tmp_path, "--url", server.url, *line, path).status == 2
        assert len(server.requests) == 1


@EVERY
def test_devices_and_pipes_are_no_files_to_be_replaced(tmp_path: Path, line: tuple[str, ...]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    assert written(tmp_path, line, str(pipe)).status == 0
    reader.join(20)
    assert got[0]
    assert pipe.is_fifo()
    assert written(tmp_path, line, "/dev/null").status == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "-"])
def test_standard_output_by_name_is_added_to(tmp_path: Path, name: str) -> None:
    written(tmp_path, WRITERS["ask -o"], "/dev/null")
    out = tmp_path / "out"
    out.write_text("before\n")
    with out.open("a") as stdout:
        command = [sys.executable, "-m", "lmchat", "sessions", "export", "trip", "-o", name]
        environ = {**os.environ, "LMCHAT_HOME": str(tmp_path)}
        subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=True, env=environ)
    assert out.read_text().startswith("before\n# trip\n")


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.md", tmp_path / "link.md"
    real.write_text("mine")
    real.chmod(0o640)
    link.symlink_to(real)
    assert written(tmp_path, WRITERS["export -o"], str(link), "--force").status == 0
    assert link.is_symlink()
    assert real.read_text().startswith("# trip")
    assert real.stat().st_mode & 0o777 == 0o640


def test_json_goes_into_the_file_whole(tmp_path: Path) -> None:
    assert written(tmp_path, WRITERS["ask -o"], f"{tmp_path}/out.json", "--json").status == 0
    assert json.loads((tmp_path / "out.json").read_text())["text"] == "Blue."


def test_a_reply_that_failed_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "out.md"
    file.write_text("mine")
    with ScriptedServer(stream(reply().split(b"event: message.end")[0])) as server:
        ran = run(tmp_path, "--url", server.url, *WRITERS["ask -o"], str(file), "--force")
    assert (ran.status, file.read_text()) == (5, "mine")


@pytest.mark.terminal
@pytest.mark.parametrize(("answer", "left"), [("n", "mine"), ("", "mine"), ("y", "Blue.\n")])
@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_a_terminal_is_asked_before_the_model_is(tmp_path: Path, answer: str, left: str, quiet: list[str]) -> None:
    file = tmp_path / "out.md"
    file.write_text("mine")
    with ScriptedServer(stream(reply(), HOLD)) as server:
        words = ["-m", "lmchat", "--url", server.url, *WRITERS["ask -o"], str(file), *quiet]
        environ = {**os.environ, "LMCHAT_HOME": str(tmp_path), "TERM": "xterm"}
        child = pexpect.spawn(sys.executable, words, env=environ, encoding="utf-8", timeout=60, dimensions=(30, 200))
        child.expect_exact(f"Replace {file}? [y/N] ")
        assert server.requests == []
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert len(server.requests) == (answer == "y")
    assert child.exitstatus == (0 if answer == "y" else 1)
    assert file.read_text() == left
