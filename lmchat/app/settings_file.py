"""Show the settings, and change their file: one value, or all of it in the person's editor."""

from lmchat.app.connect import token_place
from lmchat.app.conversation import settings_of
from lmchat.app.display import theme_of, width_of
from lmchat.app.editor import open_editor
from lmchat.app.invocation import Invocation
from lmchat.errors import SettingsError
from lmchat.render.json_output import write_document
from lmchat.render.listings import Column, listing
from lmchat.render.text import fold
from lmchat.settings import read_settings, settings_path, validate_text
from lmchat.settings.edit import edit_value, remove_value, starting_text, write_safely
from lmchat.settings.file import FILE_NAME, file_text
from lmchat.settings.keys import SECRET_VARIABLES
from lmchat.settings.layers import DEFAULT, Row

_UNSET = "-"
_COLUMNS: tuple[Column[Row], ...] = (
    Column("SETTING", lambda row: row.name),
    Column("VALUE", lambda row: row.shown or _UNSET, shrinks=True),
    Column("FROM", lambda row: row.source, shrinks=True),
)


def show_settings(invocation: Invocation, *, as_json: bool) -> None:
    """Show every setting with its value and its source, those that were given first; secrets stay hidden.

    On a terminal the defaults are named in a few lines, so that all fits on a screen.
    """
    settings = settings_of(invocation)
    rows = settings.rows(token_place(settings))
    if as_json:
        write_document(
            invocation.world.stdout, [{"key": row.name, "value": row.value, "source": row.source} for row in rows]
        )
        return
    stdout, theme, width = invocation.world.stdout, theme_of(invocation), width_of(invocation)
    given = [row for row in rows if row.source != DEFAULT]
    others = [row for row in rows if row.source == DEFAULT]
    if width is None:
        stdout.write(listing(_COLUMNS, [*given, *others], theme))
        return
    # As a table, those that nobody has set would push the others out of the window.
    if given:
        stdout.write(f"{listing(_COLUMNS, given, theme, width)}\n")
    used = ", ".join(f"{row.name} {row.shown}" for row in others if row.shown)
    unset = ", ".join(row.name for row in others if not row.shown)
    for title, names in (("By default:", used), ("Not set:", unset)):
        stdout.write(f"{theme.styled(title, theme.styles.table_head)}\n")
        stdout.writelines(f"  {line}\n" for line in fold(names, width - 2))


def set_value(invocation: Invocation, key: str, text: str) -> None:
    """Set one value; raise SettingsError, with nothing written, where that cannot be."""
    path = edit_value(invocation.world, key, text)
    invocation.say(f"'{key}' is set in {path}.{_overruled(invocation, key)}")


def unset_value(invocation: Invocation, key: str) -> None:
    """Remove one value; raise SettingsError where it is not set."""
    path = remove_value(invocation.world, key)
    invocation.say(f"'{key}' is no longer set in {path}.{_overruled(invocation, key)}")


def edit_settings(invocation: Invocation) -> None:
    """Open the file in the editor, and check it afterwards.

    A file with a flaw stays as it was written; raise SettingsError that says where the flaw is.
    """
    path = settings_path(invocation.world)
    if not path.exists():
        write_safely(path, starting_text())
    # The file may have a flaw, so what it says of tokens is not known yet.
    environ = {name: value for name, value in invocation.world.environ.items() if name not in SECRET_VARIABLES}
    open_editor(path, environ)
    try:
        validate_text(file_text(path) or "", path)
    except SettingsError as error:
        hint = f"{error.hint} " if "settings edit" not in error.hint else ""
        raise SettingsError(error.message, hint=f"{hint}It is saved; `lmchat settings edit` opens it again.") from None


def _overruled(invocation: Invocation, key: str) -> str:
    """Say what overrides the file, where something does: otherwise the change would seem lost."""
    try:
        settings = read_settings(invocation.world)
        source = settings.source(key)
    except (SettingsError, KeyError):  # a flaw elsewhere, or no plain setting
        return ""
    return "" if source in {FILE_NAME, "default"} else f" For now, {source} overrules it."
