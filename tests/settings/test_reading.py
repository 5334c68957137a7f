"""Each setting comes from the highest place that gives it, and says which."""

import subprocess
import sys
from pathlib import Path

import pytest

from lmchat.chat.values import Options
from lmchat.errors import SettingsError
from lmchat.settings import KEYS, read_settings
from tests.support.worlds import world_in

EVERYWHERE = """\
model = "of-file"
default_profile = "work"
[profile.work]
model = "of-profile"
[profile.home]
temperature = 0.5
"""


def test_without_a_file_every_setting_has_its_default(tmp_path: Path) -> None:
    settings = read_settings(world_in(tmp_path))
    assert {row.source for row in settings.rows()} == {"default"}


def test_every_default_fits_its_own_shape() -> None:
    assert [key.name for key in KEYS if key.default is not None and not key.shape.accepts(key.default)] == []


def test_every_example_can_be_written_in_the_file(tmp_path: Path) -> None:
    examples = [f"{key.name} = {key.example}" for key in KEYS if key.name != "default_profile"]
    settings = read_settings(world_in(tmp_path, "\n".join(examples)))
    assert all(settings.is_set(key.name) for key in KEYS if key.name != "default_profile")


def test_a_flag_wins_over_everything(tmp_path: Path) -> None:
    world = world_in(tmp_path, EVERYWHERE, {"LMCHAT_MODEL": "of-environment"})
    settings = read_settings(world, flags={"model": "of-flag"})
    assert (settings.text("model"), settings.source("model")) == ("of-flag", "--model")


def test_the_environment_wins_over_a_profile(tmp_path: Path) -> None:
    settings = read_settings(world_in(tmp_path, EVERYWHERE, {"LMCHAT_MODEL": "of-environment"}))
    assert (settings.text("model"), settings.source("model")) == ("of-environment", "LMCHAT_MODEL")


def test_a_profile_wins_over_the_rest_of_the_file(tmp_path: Path) -> None:
    settings = read_settings(world_in(tmp_path, EVERYWHERE))
    assert (settings.text("model"), settings.source("model")) == ("of-profile", "profile 'work' in settings.toml")


def test_the_file_wins_over_the_default(tmp_path: Path) -> None:
    settings = read_settings(world_in(tmp_path, 'url = "http://box:1"'))
    assert (settings.text("url"), settings.source("url")) == ("http://box:1", "settings.toml")


def test_the_address_has_a_default_that_counts_as_not_set(tmp_path: Path) -> None:
    settings = read_settings(world_in(tmp_path))
    assert settings.text("url") == "http://localhost:1234"
    assert not settings.is_set("url")


@pytest.mark.parametrize(
    ("given", "environ", "used", "source"),
    [
        ("home", {"LMCHAT_PROFILE": "work"}, "home", "--profile"),
        (None, {"LMCHAT_PROFILE": "home"}, "home", "LMCHAT_PROFILE"),
        (None, {}, "work", "settings.toml"),
    ],
)
def test_the_profile_is_chosen_by_option_then_variable_then_file(
    tmp_path: Path, given: str | None, environ: dict[str, str], used: str, source: str
) -> None:
    settings = read_settings(world_in(tmp_path, EVERYWHERE, environ), profile=given)
    assert (settings.profile, settings.source("default_profile")) == (used, source)


def test_what_a_profile_leaves_out_comes_from_the_file(tmp_path: Path) -> None:
    settings = read_settings(world_in(tmp_path, EVERYWHERE), profile="home")
    assert (settings.text("model"), settings.options()) == ("of-file", Options(temperature=0.5))


def test_an_unknown_profile_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(world_in(tmp_path, EVERYWHERE), profile="wrk")
    assert caught.value.message == "There is no profile 'wrk', which --profile names."
    assert caught.value.hint == "Did you mean 'work'?"


def test_an_empty_variable_counts_as_not_given(tmp_path: Path) -> None:
    settings = read_settings(world_in(tmp_path, 'model = "m"', {"LMCHAT_MODEL": ""}), flags={"model": ""})
    assert settings.source("model") == "settings.toml"


def test_an_empty_system_prompt_takes_away_the_files(tmp_path: Path) -> None:
    settings = read_settings(world_in(tmp_path, 'system = "Be brief."'), flags={"system": ""})
    assert settings.text("system") == ""


def test_an_empty_text_in_a_profile_brings_the_default_back(tmp_path: Path) -> None:
    world = world_in(tmp_path, 'url = "http://box:1"\n[profile.near]\nurl = ""')
    settings = read_settings(world, profile="near")
    assert settings.text("url") == "http://localhost:1234"
    assert not settings.is_set("url")


def test_a_flag_out_of_range_is_named_by_its_option(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^--top-k must be a whole number, 1 or more, not 0\.$"):
        read_settings(world_in(tmp_path), flags={"top_k": 0})


def test_a_variable_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^LMCHAT_URL must be an address .*, not 'ftp://box'\.$"):
        read_settings(world_in(tmp_path, environ={"LMCHAT_URL": "ftp://box"}))


@pytest.mark.parametrize(
    "address",
    ["local", "localhost", "box:1234", "192.168.1.20:1234", "http://[::1]:1234", "HTTPS://models.example.com/lm/"],
)
def test_an_address_may_be_written_as_people_write_it(tmp_path: Path, address: str) -> None:
    assert read_settings(world_in(tmp_path), flags={"url": address}).text("url") == address


def test_a_switch_turned_off_names_the_option_that_did_it(tmp_path: Path) -> None:
    settings = read_settings(world_in(tmp_path, "show_reasoning = true"), flags={"show_reasoning": False})
    assert (settings.value("show_reasoning"), settings.source("show_reasoning")) == (False, "--hide-reasoning")


def test_all_sampling_settings_reach_the_request(tmp_path: Path) -> None:
    text = (
        "temperature=0\ntop_p=1\ntop_k=1\nmin_p=0.1\nrepeat_penalty=1\n"
        "max_output_tokens=9\ncontext_length=512\nreasoning='xhigh'"
    )
    assert read_settings(world_in(tmp_path, text)).options() == Options(
        temperature=0, top_p=1, top_k=1, min_p=0.1, repeat_penalty=1, max_output_tokens=9, context_length=512,
        reasoning="xhigh",
    )  # fmt: skip


def test_asking_for_a_setting_that_does_not_exist_is_a_bug(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        read_settings(world_in(tmp_path)).value("colour")


def test_no_toml_reader_is_loaded_where_there_is_no_file(tmp_path: Path) -> None:
    script = (
        "import sys; from lmchat.world import this_world; from lmchat.settings import read_settings\n"
        "world = this_world(); read_settings(world)\n"
        "print({'tomllib', 'tomlkit', 'subprocess'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env={"LMCHAT_HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")
