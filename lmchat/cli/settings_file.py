"""Change the settings file: one value, or all of it in the person's editor."""

from lmchat.cli.call import Call
from lmchat.errors import SettingsError
from lmchat.repl.editor import open_editor
from lmchat.settings import read_settings, settings_path, validate_text
from lmchat.settings.edit import edit_value, remove_value, starting_text
from lmchat.settings.saving import write_safely
from lmchat.settings.source import FILE_NAME, file_text


def set_value(call: Call, key: str, text: str) -> None:
    """Set one value; raise SettingsError, with nothing written, where that cannot be."""
    path = edit_value(call.world, key, text)
    call.say(f"'{key}' is set in {path}.{_overruled(call, key)}")


def unset_value(call: Call, key: str) -> None:
    """Remove one value; raise SettingsError where it is not set."""
    path = remove_value(call.world, key)
    call.say(f"'{key}' is no longer set in {path}.{_overruled(call, key)}")


def edit_settings(call: Call) -> None:
    """Open the file in the editor, and check it afterwards.

    A file with a flaw stays as it was written; raise SettingsError that says where the flaw is.
    """
    path = settings_path(call.world)
    if not path.exists():
        write_safely(path, starting_text())
    open_editor(path, call.world.environ)
    try:
        validate_text(file_text(path) or "", path)
    except SettingsError as error:
        hint = f"{error.hint} " if "settings edit" not in error.hint else ""
        raise SettingsError(error.message, hint=f"{hint}It is saved; `lmchat settings edit` opens it again.") from None


def _overruled(call: Call, key: str) -> str:
    """Say what stands above the file, where something does: else the change would seem lost."""
    try:
        settings = read_settings(call.world)
        source = settings.source(key)
    except (SettingsError, KeyError):  # a flaw elsewhere, or no plain setting
        return ""
    return "" if source in {FILE_NAME, "default"} else f" For now, {source} overrules it."
