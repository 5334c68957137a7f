"""Every option of the settings' table is a flag of `ask` and `talk` and a setting, and reaches the request."""

from pathlib import Path

import pytest

from lmchat.settings.keys import OPTIONS, Key
from tests.support.program import MODELS, reply, run
from tests.support.scripted import ScriptedServer, Steps, answer, stream

THINKING = MODELS.replace(
    '"capabilities":{', '"capabilities":{"reasoning":{"allowed_options":["low","high"],"default":"low"},'
)
EVERY = pytest.mark.parametrize("key", OPTIONS.values(), ids=list(OPTIONS))


def replies(key: Key) -> list[Steps]:
    """Answer what is asked: for a level of reasoning, the models are listed first."""
    return [*([answer(200, THINKING)] if key.name == "reasoning" else []), stream(reply())]


@EVERY
def test_an_option_is_a_flag_and_goes_into_the_request(tmp_path: Path, key: Key) -> None:
    value = key.shape.read(key.example.strip('"'))
    with ScriptedServer(*replies(key)) as server:
        ran = run(tmp_path, "--url", server.url, "ask", "-m", "tiny", key.option_for(value), str(value), "hi")
        assert (ran.status, ran.stderr) == (0, "")
        assert server.requests[-1].json[key.name] == value


@EVERY
def test_an_option_is_a_setting_and_goes_into_the_request(tmp_path: Path, key: Key) -> None:
    assert run(tmp_path, "settings", "set", key.name, key.example.strip('"')).status == 0
    with ScriptedServer(*replies(key)) as server:
        assert run(tmp_path, "--url", server.url, "ask", "-m", "tiny", "hi").status == 0
        assert server.requests[-1].json[key.name] == key.shape.read(key.example.strip('"'))


@EVERY
@pytest.mark.parametrize("command", ["ask", "talk"])
def test_an_option_is_in_the_help_of_both(tmp_path: Path, command: str, key: Key) -> None:
    assert f"{key.option_for(None)} {key.metavar}" in run(tmp_path, command, "--help").stdout


def test_a_value_that_is_out_of_range_is_named_by_its_flag(tmp_path: Path) -> None:
    ran = run(tmp_path, "ask", "--presence-penalty", "-3", "hi")
    assert ran.stderr.startswith("lmchat: error: --presence-penalty must be a number from -2 to 2, not -3")
