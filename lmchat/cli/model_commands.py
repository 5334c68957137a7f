"""`lmchat models …`: what the server has, and loading, unloading, downloading it."""

import typer

from lmchat.cli import options as given

models = typer.Typer(help="List, load, unload and download the server's models.", rich_markup_mode=None)


@models.callback(invoke_without_command=True)
def main(context: typer.Context, as_json: given.AsJson = False) -> None:
    """List, load, unload and download the server's models; without a command, list them: lmchat models"""
    if context.invoked_subcommand is None:
        list_(context, as_json)


@models.command("list")
def list_(context: typer.Context, as_json: given.AsJson = False) -> None:
    """List the downloaded models, loaded ones marked: lmchat models list --json"""
    from lmchat.cli.model_views import show_models

    show_models(context.obj, as_json=as_json)
