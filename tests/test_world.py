"""The directories of a person are those that platformdirs chooses, on Linux too, where it is not asked."""

import os
import sys

import platformdirs
import pytest

from lmchat.world import model_directory, standard_directories

VARIABLES = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")


@pytest.mark.parametrize(
    "environ",
    [
        {"HOME": "/home/ann"},
        {"HOME": "/home/ann/"},
        {"HOME": "/"},
        {"HOME": ""},
        {"HOME": "relative"},
        {},
        {"HOME": "/home/ann", "XDG_DATA_HOME": "/data", "XDG_CACHE_HOME": "/var//cache/"},
        {"HOME": "/home/ann", "XDG_CONFIG_HOME": "relative", "XDG_STATE_HOME": ""},
        {"XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/k"},
    ],
)
def test_the_directories_are_those_of_the_platform(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    own, theirs = standard_directories(os.environ), platformdirs.PlatformDirs("lmchat", appauthor=False)
    assert own.settings == theirs.user_config_path
    assert (own.data, own.state, own.cache) == (theirs.user_data_path, theirs.user_state_path, theirs.user_cache_path)
    assert model_directory(os.environ) == theirs.user_cache_path / "models"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs says where they are")
def test_the_directories_of_a_home_on_linux_need_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert standard_directories({"HOME": "/home/ann"}).data.as_posix() == "/home/ann/.local/share/lmchat"
