"""README's own commands, run as they are there against the built-in server, with a model whose words make no sense."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmchat.local.run import started
from tests.readme import README
from tests.support.worlds import world_at

pytestmark = pytest.mark.model

LEFT_OUT = (
    "pip install",  # the environment is this one
    "lmchat talk",  # needs a person
    "lmchat -c",  # so does this
    "lmchat serve",  # runs already
    "1.5b",  # a gigabyte
    "chart.png",  # the built-in model does not see
    "settings set",  # shown elsewhere
    "sessions import",  # needs another program's files
)


def blocks() -> Iterator[str]:
    """Yield the shell commands of README's prose, one by one; its tables are made from the program."""
    prose = re.sub(r"<!-- commands -->.*<!-- /commands -->", "", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    prose = prose.split("## Working on lmchat")[0]
    for block in re.findall(r"```sh\n(.*?)```", prose, re.DOTALL):
        for command in re.sub(r"\\\n\s*", " ", block).splitlines():
            bare = command.split("  #")[0].strip()
            if bare and not bare.startswith("#") and bare != "lmchat" and not any(each in bare for each in LEFT_OUT):
                yield bare


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the directory that the recipes assume: a repository with something staged, a log, notes."""
    place = tmp_path_factory.mktemp("recipes")
    (place / "error.log").write_text("12:00 disk full\n12:01 cannot write\n")
    (place / "shift-jis.log").write_text("ディスクに書き込めません\n", encoding="shift_jis")
    (place / "words.txt").write_text("disk\nlog\n")
    (place / "notes.txt").write_text("Buy milk.\n")
    (place / "bin").mkdir()
    program = f'#!/bin/sh\nexec "{sys.executable}" -m lmchat "$@"\n'
    (place / "bin/lmchat").write_text(program)
    # Some machines have a hundred file systems, which a model reads for many seconds.
    (place / "bin/df").write_text(
        "#!/bin/sh\necho 'Filesystem Size Used Avail Use% Mounted on'\necho '/dev/sda1 30G 29G 1G 97% /'\n"
    )
    for name in ("lmchat", "df"):
        (place / "bin" / name).chmod(0o755)
    (place / "home").mkdir()
    # That a command runs is proven by the first word of its reply.
    (place / "home/settings.toml").write_text("max_output_tokens = 1\n")
    (place / "home/prompts").mkdir()
    (place / "home/prompts/commit.md").write_text("Write a commit message for this: {{input}}")
    (place / "src").mkdir()
    for name in ("main.py", "src/settings.py", "notes.md"):
        (place / name).write_text("# empty\n")
    for command in ("init -q", "add notes.txt", "-c user.name=a -c user.email=a@b commit -qm one"):
        subprocess.run(["git", *command.split()], cwd=place, check=True, capture_output=True)
    (place / "notes.txt").write_text("Buy milk and bread.\n")
    subprocess.run(["git", "add", "notes.txt"], cwd=place, check=True)
    (place / "notes.txt").write_text("Buy milk, bread and tea.\n")
    return place


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.timeout(300)
def test_every_command_of_the_prose_runs(place: Path, short_model_cache: Path) -> None:
    commands = list(blocks())
    assert len(commands) > 12
    world = world_at(place / "server", LMCHAT_MODEL_CACHE=str(short_model_cache))
    with started(world) as url:
        environ = {
            **os.environ,
            "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(README.parent),
            "LMCHAT_HOME": str(place / "home"),
            "LMCHAT_MODEL_CACHE": str(short_model_cache),
            "LMCHAT_URL": url,
        }
        response_id = ""
        for command in commands:
            line = re.sub(r"-m \S+/\S+", "-m qwen2.5-coder-0.5b-instruct", command)
            line = line.replace("http://localhost:1234", url).replace("resp_…", response_id)
            line = line.replace('{"type": "string"}', '{"enum": ["blue"]}')  # a string of this model has no end
            line = line.replace('"input":', '"max_output_tokens": 1, "input":')  # as the settings say to lmchat
            done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=place, env=environ, capture_output=True)
            said = done.stdout.decode()
            assert done.returncode == 0, (line, said, done.stderr.decode())
            if line.startswith("curl"):
                answer = json.loads(said)
                assert "error" not in answer, line
                response_id = answer["response_id"]
