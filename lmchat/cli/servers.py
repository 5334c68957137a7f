"""`lmchat models …`, `servers`, `serve` and `local …`: the servers, what they have, and the one on this machine."""

from typing import Annotated, Any

import typer

from lmchat.app.invocation import Invocation, settings_of
from lmchat.cli import options as given
from lmchat.errors import BadUseError

models = typer.Typer(rich_markup_mode=None)
local = typer.Typer(rich_markup_mode=None)

Wide = Annotated[bool, typer.Option("--wide", help="Show every column also on a terminal.")]


@models.callback(invoke_without_command=True)
def models_main(context: typer.Context, as_json: given.AsJson = False, wide: Wide = False) -> None:
    """List, load, unload and download the server's models.

    \b
    lmchat models
    lmchat models load google/gemma-3-1b
    """
    if context.invoked_subcommand is None:
        list_(context, as_json, wide)


@models.command("list")
def list_(context: typer.Context, as_json: given.AsJson = False, wide: Wide = False) -> None:
    """List the downloaded models, loaded ones first.

    \b
    lmchat models list
    lmchat models list --json | jq -r '.[].key'
    """
    from lmchat.app.display import theme_of, width_of
    from lmchat.app.models import list_models, model_document, opened_models
    from lmchat.render.json_output import write_document

    invocation: Invocation = context.obj
    with opened_models(invocation) as server:
        if as_json:
            write_document(invocation.world.stdout, [model_document(model) for model in server.listed()])
        else:
            list_models(server, theme_of(invocation), width_of(invocation), wide=wide)


@models.command()
@given.with_load_options
def load(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The model's key, as `lmchat models` shows it.")],
    options: dict[str, Any],
) -> None:
    """Load a model.

    \b
    lmchat models load google/gemma-3-1b
    lmchat models load google/gemma-3-1b --context-length 8192
    """
    from lmchat.app.models import load_model, opened_models

    with opened_models(context.obj, model=True) as server:
        load_model(server, key, options)


@models.command()
def unload(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="KEY|INSTANCE", help="What to unload.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Unload everything.")] = False,
) -> None:
    """Unload a model, or one of its instances.

    \b
    lmchat models unload google/gemma-3-1b
    lmchat models unload --all
    """
    from lmchat.app.models import opened_models, unload_model

    if (name is None) is not every:
        raise BadUseError("Name one model or instance, or give --all.", hint="`lmchat models` shows what is loaded.")
    with opened_models(context.obj) as server:
        unload_model(server, name)


@models.command()
def download(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME|URL", help="A catalogue name or a Hugging Face URL.")],
    quantization: Annotated[str | None, typer.Option(metavar="VARIANT", help="Of a URL, such as Q4_K_M.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Watch it to its end, or come back at once.")] = True,
) -> None:
    """Download a model.

    \b
    lmchat models download qwen2.5-coder-0.5b-instruct
    lmchat models download https://huggingface.co/… --quantization Q4_K_M
    """
    from lmchat.app.models import download_model, opened_models

    with opened_models(context.obj) as server:
        download_model(server, name, quantization, wait=wait)


def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="Listen there; 0: any.")] = 1234,
    token: Annotated[
        str,
        typer.Option(metavar="TOKEN", help="Require this token from clients; also LMCHAT_SERVE_TOKEN."),
    ] = "",
    upstream: Annotated[
        str, typer.Option(metavar="URL", help="Answer with the models of that server, and keep the conversations here.")
    ] = "",
    upstream_token_env: Annotated[
        str, typer.Option(metavar="NAME", help="The environment variable with that server's token.")
    ] = "",
) -> None:
    """Serve LM Studio's API to programs on this machine.

    The built-in model answers them or, with --upstream, the models of another server.

    \b
    lmchat serve --port 1234
    lmchat serve --upstream http://10.0.0.2:8000
    """
    invocation: Invocation = context.obj
    token = token or invocation.world.environ.get("LMCHAT_SERVE_TOKEN", "")
    if upstream:
        from lmchat.app.connect import connection_to
        from lmchat.app.local import serve_upstream

        settings = settings_of(invocation)
        there = connection_to(invocation, settings, upstream, remember=False, token_variable=upstream_token_env)
        serve_upstream(invocation, there.client, port=port, token=token)
    else:
        from lmchat.app.local import serve_model

        serve_model(invocation, port=port, token=token)


def servers(context: typer.Context, as_json: given.AsJson = False) -> None:
    """Show which servers answer, and which one lmchat talks to.

    Those that are named, those on this machine's usual ports, and the built-in one.

    \b
    lmchat servers
    lmchat servers --json | jq -r '.[] | select(.state == "ready").url'
    """
    from lmchat.app.display import theme_of, width_of
    from lmchat.app.servers import show_servers

    show_servers(context.obj, theme_of(context.obj), width_of(context.obj), as_json=as_json)


@local.callback(invoke_without_command=True)
def local_main(context: typer.Context, as_json: given.AsJson = False) -> None:
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
