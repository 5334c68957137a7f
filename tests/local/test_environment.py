"""No token is in the environment of the embedded server, nor in that of its engine."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.local.conftest import KEY
from tests.local.test_run import below

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

SECRETS = {name: f"sk-lm-{name}" for name in ("LM_API_TOKEN", "LMCHAT_SERVE_TOKEN", "WORK_TOKEN", "FILE_TOKEN")}
SETTINGS = 'token_env = "FILE_TOKEN"\n[profile.work]\ntoken_env = "WORK_TOKEN"\n'
ALONE = {"LMCHAT_LOCAL_KEEP": "0"}
"""A server of the program's own, which is below it."""

TALK = """
import sys, time
from lmchat.app.local import builtin_client
from lmchat.app.invocation import settings_of
from lmchat.app.invocation import Invocation
from lmchat.world import this_world

invocation = Invocation(this_world())
with builtin_client(invocation, settings_of(invocation)) as client:
    client.load(sys.argv[1])
    print("ready", flush=True)
    time.sleep(60)
"""


def environments(process: subprocess.Popen[str]) -> list[bytes]:
    """Return the environments of all processes below one."""
    return [Path(f"/proc/{child}/environ").read_bytes() for child in below(process.pid)]


@pytest.mark.model
def test_neither_the_server_nor_its_engine_inherits_a_token(model_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    environ = {**os.environ, **SECRETS, "LMCHAT_HOME": str(tmp_path), "LMCHAT_MODEL_CACHE": str(model_cache), **ALONE}
    command = [sys.executable, "-c", TALK, KEY]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            inherited = environments(process)
        finally:
            process.kill()
    assert len(inherited) == 2
    assert all(b"PATH=" in each and b"sk-lm-" not in each for each in inherited)


@pytest.mark.model
def test_the_engine_of_a_server_in_the_foreground_inherits_no_token(model_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    environ = {**os.environ, **SECRETS, "LMCHAT_HOME": str(tmp_path), "LMCHAT_MODEL_CACHE": str(model_cache), **ALONE}
    command = [sys.executable, "-m", "lmchat", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            url = next(word for word in process.stderr.readline().split() if word.startswith("http"))
            headers = {"Authorization": f"Bearer {SECRETS['LMCHAT_SERVE_TOKEN']}"}
            key = httpx.get(f"{url}/api/v1/models", headers=headers).json()["models"][0]["key"]
            loaded = httpx.post(f"{url}/api/v1/models/load", headers=headers, json={"model": key}, timeout=60)
            assert loaded.status_code == 200
            inherited = environments(process)
        finally:
            process.terminate()
    assert len(inherited) == 1
    assert all(b"PATH=" in each and b"sk-lm-" not in each for each in inherited)
