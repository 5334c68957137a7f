"""The completion script of each shell: its own lines with the table in their middle."""

from pathlib import Path
from typing import Any

from lmchat.cli.completion.table import table

FILES = {"bash": "lmchat.bash", "zsh": "_lmchat", "fish": "lmchat.fish", "powershell": "lmchat.ps1"}
"""Under which name each script lies in `completions/`."""

_TABLE = "@TABLE@\n"


def script(shell: str, root: Any) -> str:
    """Return the script of a shell for the app's outermost command; raise KeyError for a shell there is none for."""
    lines = table(root)
    if shell == "fish":
        lines = lines.replace("\\", "\\\\").replace("'", "\\'")
    template = Path(__file__).with_name(f"template.{shell}").read_text(encoding="utf-8")
    return template.replace(_TABLE, lines)
