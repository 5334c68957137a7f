"""`lmchat local …`: the built-in model's server, as all programs of one person share it."""

import typer

from lmchat.cli import options as given

local = typer.Typer(rich_markup_mode=None)


@local.callback(invoke_without_command=True)
def main(context: typer.Context, as_json: given.AsJson = False) -> None:
    """Show whether the built-in model is in memory, and since when.

    \b
    lmchat local
    lmchat local stop
    """
    if context.invoked_subcommand is None:
        from lmchat.app.local import show_local

        show_local(context.obj, as_json=as_json)


@local.command()
def stop(context: typer.Context) -> None:
    """End the built-in model's server now.

    \b
    lmchat local stop
    """
    from lmchat.app.local import stop_local

    stop_local(context.obj)
