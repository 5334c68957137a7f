"""`lmchat settings …`: see every setting, and change them."""

from typing import Annotated

import typer

from lmchat.app.invocation import Invocation
from lmchat.cli import options as given

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
        from lmchat.app.settings_file import show_settings

        show_settings(context.obj, as_json=as_json)


@settings.command()
def path(context: typer.Context) -> None:
    """Print where the settings file is.

    \b
    cat "$(lmchat settings path)"
    """
    from lmchat.settings import settings_path

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
    from lmchat.app.settings_file import edit_settings

    edit_settings(context.obj)


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
    from lmchat.app.settings_file import set_value

    set_value(context.obj, key, value)


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
    from lmchat.app.settings_file import unset_value

    unset_value(context.obj, key)
