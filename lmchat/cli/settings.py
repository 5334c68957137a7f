"""`lmchat settings …` and `lmchat prompts`: show and change the settings, list prompts and roles."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lmchat.app.invocation import BUILT_IN, Invocation, settings_of
from lmchat.cli import options as given
from lmchat.errors import BadUseError, SettingsError
from lmchat.settings import Settings, read_settings, settings_path, token_source, validate_text
from lmchat.settings.file import FILE_NAME, file_text
from lmchat.settings.keys import SECRET_VARIABLES
from lmchat.settings.layers import DEFAULT, Row

if TYPE_CHECKING:
    from lmchat.settings.prompts import Kind, PromptFile

settings = typer.Typer(rich_markup_mode=None)


@settings.callback(invoke_without_command=True)
def main(context: typer.Context, as_json: given.AsJson = False) -> None:
    """Show every setting, its value and its source.

    \b
    lmchat settings
    lmchat settings set model google/gemma-3-1b
    lmchat settings set profile.work.url http://192.168.1.20:1234
    """
    if context.invoked_subcommand is None:
        _show_settings(context.obj, as_json=as_json)


def _show_settings(invocation: Invocation, *, as_json: bool) -> None:
    """Show every setting with its value and its source, those that were given first; secrets stay hidden."""
    settings = settings_of(invocation)
    rows = settings.rows(token_place(settings))
    if as_json:
        from lmchat.render.json_output import write_document

        document = [{"key": row.name, "value": row.value, "source": row.source} for row in rows]
        write_document(invocation.world.stdout, document)
    else:
        _write_settings(invocation, rows)


def _write_settings(invocation: Invocation, rows: Sequence[Row]) -> None:
    """Write a table; on a terminal the defaults are named in a few lines, so that all fits on a screen."""
    from lmchat.app.display import theme_of, width_of
    from lmchat.render.listings import Column, listing
    from lmchat.render.text import fold

    columns: tuple[Column[Row], ...] = (
        Column("SETTING", lambda row: row.name),
        Column("VALUE", lambda row: row.shown or "-", shrinks=True),
        Column("FROM", lambda row: row.source, shrinks=True),
    )
    stdout, theme, width = invocation.world.stdout, theme_of(invocation), width_of(invocation)
    given = [row for row in rows if row.source != DEFAULT]
    others = [row for row in rows if row.source == DEFAULT]
    if width is None:
        stdout.write(listing(columns, [*given, *others], theme))
        return
    # As a table, those that were never set would push the others out of the window.
    if given:
        stdout.write(f"{listing(columns, given, theme, width)}\n")
    used = ", ".join(f"{row.name} {row.shown}" for row in others if row.shown)
    unset = ", ".join(row.name for row in others if not row.shown)
    for title, names in (("By default:", used), ("Not set:", unset)):
        stdout.write(f"{theme.styled(title, theme.styles.table_head)}\n")
        stdout.writelines(f"  {line}\n" for line in fold(names, width - 2))


def token_place(settings: Settings) -> str:
    """Say where the token for the server of the settings comes from, empty where none goes there."""
    from lmchat.app.connect import server_at
    from lmchat.wire.address import Address

    url = settings.text("url")
    try:
        source = None if url == BUILT_IN else token_source(settings, server_at(Address(url)))
    except BadUseError:
        return ""
    return str(source or "")


@settings.command()
def path(context: typer.Context) -> None:
    """Print where the settings file is.

    \b
    cat "$(lmchat settings path)"
    """
    invocation: Invocation = context.obj
    invocation.world.stdout.write(f"{settings_path(invocation.world)}\n")


@settings.command()
def edit(context: typer.Context) -> None:
    """Open the settings file in your editor.

    $VISUAL or $EDITOR says which. The file is checked afterwards.

    \b
    lmchat settings edit
    EDITOR=nano lmchat settings edit
    """
    from lmchat.app.programs import open_editor
    from lmchat.settings.edit import starting_text, write_safely

    world = context.obj.world
    file = settings_path(world)
    if not file.exists():
        write_safely(file, starting_text())
    # The file may have a flaw, so what it says of tokens is not known yet.
    open_editor(file, {name: value for name, value in world.environ.items() if name not in SECRET_VARIABLES})
    try:
        validate_text(file_text(file) or "", file)
    except SettingsError as error:
        hint = f"{error.hint} " if "settings edit" not in error.hint else ""
        raise SettingsError(error.message, hint=f"{hint}It is saved; `lmchat settings edit` opens it again.") from None


# Without this, a value such as -1 would be taken for an option.
@settings.command("set", context_settings={"ignore_unknown_options": True})
def set_(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="SETTING", help="The setting, such as model or profile.work.url.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Its new value, such as google/gemma-3-1b.")],
) -> None:
    """Set one value; comments and order stay.

    \b
    lmchat settings set temperature 0.7
    lmchat settings set profile.work.model openai/gpt-oss-20b
    """
    from lmchat.settings.edit import edit_value

    invocation: Invocation = context.obj
    file = edit_value(invocation.world, key, value)
    invocation.say(f"'{key}' is set in {file}.{_overruled(invocation, key)}")


@settings.command()
def unset(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="SETTING", help="The setting, or a profile such as profile.work.")],
) -> None:
    """Remove one value, or a whole profile.

    \b
    lmchat settings unset temperature
    lmchat settings unset profile.work
    """
    from lmchat.settings.edit import remove_value

    invocation: Invocation = context.obj
    file = remove_value(invocation.world, key)
    invocation.say(f"'{key}' is no longer set in {file}.{_overruled(invocation, key)}")


def _overruled(invocation: Invocation, key: str) -> str:
    """Say what overrides the file, where something does: otherwise the change would seem lost."""
    try:
        source = read_settings(invocation.world).source(key)
    except (SettingsError, KeyError):  # a flaw elsewhere, or no plain setting
        return ""
    return "" if source in {FILE_NAME, DEFAULT} else f" For now, {source} overrules it."


def prompts(context: typer.Context, as_json: given.AsJson = False) -> None:
    """List your prompts and roles.

    A prompt is a file like prompts/commit.md next to the settings file: /commit in talk, `ask -p commit`. A role is a
    system prompt like roles/terse.md: `-S :terse`, /system :terse.

    \b
    lmchat prompts
    """
    from lmchat.settings.prompts import Kind, read_all

    invocation: Invocation = context.obj
    path = settings_path(invocation.world)
    found: list[tuple[Kind, PromptFile]] = []
    for kind in Kind:
        for each in read_all(path, kind):
            if isinstance(each, SettingsError):
                from lmchat.render.messages import show_failure

                show_failure(invocation.world, each)
            else:
                found.append((kind, each))
    if as_json:
        from lmchat.render.json_output import write_document

        write_document(invocation.world.stdout, [_prompt_document(kind, each) for kind, each in found])
    elif found:
        invocation.world.stdout.write(_prompt_table(invocation, found))
    else:
        directory = path.parent / Kind.PROMPT.value
        invocation.say(f"There are none yet. Write one into {directory / 'commit.md'}, and it is /commit in talk.")


def _prompt_table(invocation: Invocation, found: "Sequence[tuple[Kind, PromptFile]]") -> str:
    """Return a table of prompts and roles, each as talk takes it."""
    from lmchat.app.display import theme_of, width_of
    from lmchat.render.listings import Column, listing
    from lmchat.settings.prompts import Kind

    columns: tuple[Column[tuple[Kind, PromptFile]], ...] = (
        Column("NAME", lambda row: ("/" if row[0] is Kind.PROMPT else ":") + row[1].name),
        Column("MODEL", lambda row: row[1].model, shrinks=True),
        Column("DESCRIPTION", lambda row: row[1].about, shrinks=True),
    )
    return listing(columns, found, theme_of(invocation), width_of(invocation))


def _prompt_document(kind: "Kind", each: "PromptFile") -> dict[str, object]:
    return {
        "kind": kind.noun,
        "name": each.name,
        "description": each.description,
        "model": each.model,
        "options": each.options.given(),
        "path": str(each.path),
    }
