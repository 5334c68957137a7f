"""Make the scripts in `completions/` from the app: `python -m tests.cli.completions`."""

from pathlib import Path

from lmchat.cli.commands import command
from lmchat.cli.completion import FILES, script

FOLDER = Path(__file__).parents[2] / "completions"


def scripts() -> dict[Path, str]:
    """Return what each file in `completions/` must hold."""
    root = command()
    return {FOLDER / name: script(shell, root) for shell, name in FILES.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in scripts().items():
        path.write_text(text, encoding="utf-8")
