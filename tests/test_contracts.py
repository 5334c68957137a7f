"""The import contracts notice what they forbid: a copy of the program with a slip against each breaks all of them."""

import shutil
import subprocess
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINT = Path(sysconfig.get_path("scripts")) / "lint-imports"
OUTSIDE = (
    "typer",
    "prompt_toolkit",
    "rich",
    "h11",
    "httpx",
    "xllamacpp",
    "sqlite3",
    "platformdirs",
    "tomlkit",
    "PIL",
    "charset_normalizer",
    "jsonschema",
)


def checked(tree: Path) -> str:
    done = subprocess.run([LINT, "--no-cache"], cwd=tree, capture_output=True, text=True)
    return done.stdout + done.stderr


def copied(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "lmchat", tmp_path / "lmchat")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_is_broken_by_a_slip_against_it(tmp_path: Path) -> None:
    tree = copied(tmp_path)
    slips = "".join(f"import {library}\n" for library in OUTSIDE)
    (tree / "lmchat/chat/slips.py").write_text(f"{slips}import lmchat.wire\nimport lmchat.chat.circle\n")
    (tree / "lmchat/chat/circle.py").write_text("import lmchat.chat.slips\n")
    said = " ".join(checked(tree).split())
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert [each["name"] for each in contracts if f"{each['name']} BROKEN" not in said] == []


def test_a_package_that_is_in_no_layer_is_refused(tmp_path: Path) -> None:
    tree = copied(tmp_path)
    (tree / "lmchat/attic").mkdir()
    (tree / "lmchat/attic/__init__.py").write_text("")
    assert "attic" in checked(tree)
