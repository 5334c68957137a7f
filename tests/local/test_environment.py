"""No token is in the environment of the built-in server, nor in that of its engine."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.local.conftest import KEY
from tests.local.test_run import below, soon

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

SECRETS = {name: f"sk-lm-{name}" for name in ("LM_API_TOKEN", "LMCHAT_SERVE_TOKEN", "WORK_TOKEN", "FILE_TOKEN")}
SETTINGS = 'token_env = "FILE_TOKEN"\n[profile.work]\ntoken_env = "WORK_TOKEN"\n'
ALONE = {"LMCHAT_LOCAL_KEEP": "0"}
"""A server of the program's own, which is below it."""

TALK = """
import sys
from lmchat.app.invocation import Invocation, settings_of
from lmchat.app.local import builtin_client
from lmchat.world import this_world

invocation = Invocation(this_world())
with builtin_client(invocation, settings_of(invocation)) as client:
    client.load(sys.argv[1])
"""


@contextmanager
def started(model_cache: Path, home: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Start a program with tokens in its environment, and kill it afterwards."""
    (home / "settings.toml").write_text(SETTINGS)
    environ = {**os.environ, **SECRETS, "LMCHAT_HOME": str(home), "LMCHAT_MODEL_CACHE": str(model_cache), **ALONE}
    program = [sys.executable, *command]
    with subprocess.Popen(program, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read(process: int, file: str) -> bytes:
    return Path(f"/proc/{process}/{file}").read_bytes()


def inherited(process: subprocess.Popen[str]) -> list[bytes]:
    """Return the environments of all processes below one, as soon as one of them is an engine."""
    assert soon(lambda: any(b"local.engine" in read(child, "cmdline") for child in below(process.pid)))
    return [read(child, "environ") for child in below(process.pid)]


@pytest.mark.model
def test_neither_the_server_nor_its_engine_inherits_a_token(short_model_cache: Path, tmp_path: Path) -> None:
    with started(short_model_cache, tmp_path, "-c", TALK, KEY) as process:
        environments = inherited(process)

    assert len(environments) == 2
    assert all(b"PATH=" in each and b"sk-lm-" not in each for each in environments)


@pytest.mark.model
def test_the_engine_of_a_server_in_the_foreground_inherits_no_token(short_model_cache: Path, tmp_path: Path) -> None:
    with started(short_model_cache, tmp_path, "-m", "lmchat", "serve", "--port", "0") as process:
        assert process.stderr is not None
        url = next(word for word in process.stderr.readline().split() if word.startswith("http"))
        headers = {"Authorization": f"Bearer {SECRETS['LMCHAT_SERVE_TOKEN']}"}

        def load() -> None:
            with pytest.raises(httpx.HTTPError):  # the program is killed while it loads
                httpx.post(f"{url}/api/v1/models/load", headers=headers, json={"model": KEY}, timeout=60)

        loading = threading.Thread(target=load)
        loading.start()
        environments = inherited(process)
    loading.join()

    assert len(environments) == 1
    assert all(b"PATH=" in each and b"sk-lm-" not in each for each in environments)
