"""README's tables, made from the program: `python -m tests.readme` writes them again, a test proves them current.

Each table is between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from typer.core import TyperCommand, TyperGroup

from lmchat.cli.commands import command as whole_app
from lmchat.errors import ExitStatus
from lmchat.repl.commands.table import readme_rows
from lmchat.settings import KEYS

README = Path(__file__).parent.parent / "README.md"


def exit_codes() -> Iterator[str]:
    yield from _table(("code", "meaning"), ((str(int(status)), status.meaning) for status in ExitStatus))


def slash_commands() -> Iterator[str]:
    yield from _table(("command", "does"), ((_code(written), text) for written, text in readme_rows()))


def settings() -> Iterator[str]:
    rows = ((_code(key.name), key.help, _code(key.example), _code(key.variable)) for key in KEYS)
    yield from _table(("key", "meaning", "example", "variable"), rows)


def commands() -> Iterator[str]:
    """Yield every command with its options; those that talk and ask share are listed once."""
    root = whole_app()
    assert isinstance(root, TyperGroup)
    yield from _command("lmchat", root)
    for name, command in root.commands.items():
        if command.hidden:
            continue
        yield from _command(f"lmchat {name}", command)
        if isinstance(command, TyperGroup):
            for below, each in command.commands.items():
                yield from _command(f"lmchat {name} {below}", each)


def _command(name: str, command: TyperCommand | TyperGroup | object) -> Iterator[str]:
    assert isinstance(command, TyperCommand | TyperGroup)
    context = typer.Context(command, info_name=name)
    yield f"**`{name}`**"
    yield ""
    for paragraph in (command.help or "").strip().split("\n\n"):
        # Typer keeps the lines of a paragraph that begins with this character: the examples.
        yield f"```sh\n{paragraph[1:].strip()}\n```" if paragraph.startswith("\b") else paragraph
        yield ""
    rows = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and not {"--help", "-h"} & set(parameter.opts):
            rows.append((_code(record[0]), record[1]))
    if rows:
        yield from _table(("option", "meaning"), rows)
        yield ""


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(titles: tuple[str, ...], rows: object) -> Iterator[str]:
    yield _row(titles)
    yield _row(("---",) * len(titles))
    for row in rows:  # type: ignore[attr-defined]  # any iterable of rows
        yield _row(row)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "slash commands": slash_commands,
    "settings": settings,
    "exit codes": exit_codes,
}


def renewed(text: str) -> str:
    """Return README's text with every table as the program has it."""
    for name, made in TABLES.items():
        table = "\n".join(made()).strip()
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = pattern.subn(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)  # type: ignore[misc]  # mypy knows no default here
        assert count == 1, f"README has no place for {name}"
    return text


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
