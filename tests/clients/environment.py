"""Environments with one package of PyPI each, kept for the next time below the cache directory."""

import subprocess
import sys
import venv
from pathlib import Path

from platformdirs import user_cache_path


def python_with(requirement: str) -> Path:
    """Return the interpreter of an environment that has a package and what that needs."""
    place = user_cache_path("lmchat", appauthor=False) / "test-environments" / requirement.replace("=", "_")
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    whole = place / "whole"
    if not whole.exists():
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", requirement], check=True)
        whole.touch()
    return python


def ran(python: Path, script: str, *arguments: str, **environ: str) -> str:
    """Run a script with an interpreter and return what it printed; fail where it failed."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", script, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={"PATH": "", "PYTHONIOENCODING": "utf-8", **environ},
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
