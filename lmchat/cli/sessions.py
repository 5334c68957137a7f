"""`lmchat sessions …`: list, look at, search, move and share what was said."""

from pathlib import Path
from typing import Annotated

import typer

from lmchat.advice import Action, Do
from lmchat.app.invocation import Invocation, open_kept_store
from lmchat.cli import options as given
from lmchat.world import path_of

sessions = typer.Typer(rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The session, as `lmchat sessions` shows it.")]


@sessions.callback(invoke_without_command=True)
def main(context: typer.Context, as_json: given.AsJson = False) -> None:
    """List, show, search and manage saved sessions.

    \b
    lmchat sessions
    lmchat sessions show holidays
    """
    if context.invoked_subcommand is None:
        list_(context, None, as_json)


@sessions.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[
        int | None, typer.Option(metavar="COUNT", min=0, help="How many, such as 20; 0: all. Else what fits, or 100.")
    ] = None,
    as_json: given.AsJson = False,
) -> None:
    """List the sessions by their last use.

    \b
    lmchat sessions list
    lmchat sessions list --json | jq -r '.[].name'
    """
    from lmchat.cli.session_views import show_sessions

    show_sessions(context.obj, limit=limit, as_json=as_json)


@sessions.command()
def show(
    context: typer.Context,
    name: Name,
    at: given.At = None,
    show_reasoning: Annotated[
        bool | None,
        typer.Option("--show-reasoning/--hide-reasoning", help="What the model thought: all, or nothing."),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Only the last reply's own text, as it came.")] = False,
    as_json: given.AsJson = False,
) -> None:
    """Show what was said, from the first turn to the last.

    \b
    lmchat sessions show colours
    lmchat sessions show colours --at 3
    lmchat sessions show colours --raw > answer.md
    """
    from lmchat.cli.session_views import show_reply, show_session

    if raw:
        show_reply(context.obj, name, at=at)
    else:
        show_session(context.obj, name, at=at, show_reasoning=show_reasoning, as_json=as_json)


@sessions.command()
def compare(
    context: typer.Context,
    name: Name,
    first: Annotated[int, typer.Argument(metavar="TURN", min=1, help="A turn, as the tree shows it.")],
    second: Annotated[int, typer.Argument(metavar="TURN", min=1, help="The turn to compare it with.")],
) -> None:
    """Compare two replies.

    Side by side in a wide window, else with the changes marked.

    \b
    lmchat sessions compare colours 6 7
    """
    from lmchat.cli.session_views import show_comparison

    show_comparison(context.obj, name, first, second)


@sessions.command()
def tree(context: typer.Context, name: Name, as_json: given.AsJson = False) -> None:
    """Draw the turns with their branches.

    \b
    lmchat sessions tree colours
    """
    from lmchat.cli.session_views import show_tree

    show_tree(context.obj, name, as_json=as_json)


@sessions.command()
def search(
    context: typer.Context,
    text: Annotated[list[str], typer.Argument(metavar="TEXT", help="Words that must all occur, in any language.")],
    session: Annotated[str | None, typer.Option("--session", "-s", metavar="NAME", help="Look there only.")] = None,
    as_json: given.AsJson = False,
) -> None:
    """Find turns by their words, newest first.

    \b
    lmchat sessions search blue sky
    lmchat sessions search -s colours 空
    """
    from lmchat.cli.session_views import show_matches

    show_matches(context.obj, " ".join(text), session, as_json=as_json)


@sessions.command()
def rename(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", help="The session.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
) -> None:
    """Give a session another name.

    \b
    lmchat sessions rename chat-2 holidays
    """
    invocation: Invocation = context.obj
    with open_kept_store(invocation) as store:
        store.rename(old, new)
    invocation.say(f"Session '{old}' is now called '{new}'.")


@sessions.command()
def fork(
    context: typer.Context,
    name: Name,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The name of the new session.")],
    at: given.At = None,
) -> None:
    """Begin a session that shares what was said.

    \b
    lmchat sessions fork colours shades
    lmchat sessions fork colours shades --at 3
    """
    from lmchat.app.asking import moved_to

    invocation: Invocation = context.obj
    with open_kept_store(invocation) as store:
        session = store.find(name)
        store.fork(session if at is None else moved_to(session, at), new)
    invocation.say((f"Session '{new}' continues from there: ", Do(Action.SWITCH_SESSION, new)))


@sessions.command()
def delete(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME…", help="The sessions; a pattern such as 'chat-*' means several."),
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Only those not used for that long, such as 90d.")
    ] = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="For good, not into the trash; without NAME, empty the trash.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Move sessions to the trash, for 30 days.

    On a terminal it asks first. Turns that another session shares stay.

    \b
    lmchat sessions delete chat-2 chat-3
    lmchat sessions delete 'chat-*' --older-than 90d
    """
    from lmchat.app.maintenance import delete_sessions

    delete_sessions(context.obj, names or (), older_than=older_than, purge=purge, yes=yes)


@sessions.command()
def restore(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="DELETED", help="The session by the name it had; none lists the trash.")
    ] = None,
) -> None:
    """Bring a session back from the trash.

    \b
    lmchat sessions restore
    lmchat sessions restore chat-2
    """
    from lmchat.app.maintenance import restore_session

    restore_session(context.obj, name)


@sessions.command()
def export(
    context: typer.Context,
    name: Name,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", parser=path_of, help="Write there: .md, .html or .json (complete)."
        ),
    ] = None,
    force: given.Force = False,
    as_json: given.AsJson = False,
) -> None:
    """Write a session as Markdown, as a web page, or complete as JSON.

    \b
    lmchat sessions export colours > colours.md
    lmchat sessions export colours -o colours.html
    lmchat sessions export colours -o colours.json
    """
    from lmchat.app.files import export_named

    export_named(context.obj, name, output, force=force, complete=as_json)


@sessions.command("import")
def import_(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", parser=path_of, help="Files, archives or directories; - reads standard input."),
    ],
    name: Annotated[str | None, typer.Option("--name", metavar="NEW", help="Call the session that.")] = None,
) -> None:
    """Bring in exported sessions.

    Those of lmchat, the exports of ChatGPT and Claude (the archive or its conversations.json), the logs.db of llm and
    the conversations of LM Studio are known by what is in them. What was imported before is left out.

    \b
    lmchat sessions import colours.json
    lmchat sessions import chatgpt-export.zip
    lmchat sessions import ~/.lmstudio/conversations
    """
    from lmchat.app.imports import import_sessions

    import_sessions(context.obj, files, name)


@sessions.command()
def check(
    context: typer.Context,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Repair what can be repaired without losing a word, after copying the file."),
    ] = False,
) -> None:
    """Look for damage in the saved sessions.

    \b
    lmchat sessions check
    lmchat sessions check --repair
    """
    from lmchat.app.maintenance import check_sessions

    check_sessions(context.obj, repair=repair)


@sessions.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", parser=path_of, help="Where the copy goes.")],
    force: given.Force = False,
) -> None:
    """Copy all sessions to one file.

    Other programs may write meanwhile; `lmchat sessions import` reads the copy.

    \b
    lmchat sessions backup ~/lmchat-2026.db
    """
    from lmchat.app.maintenance import back_up_sessions

    back_up_sessions(context.obj, file, force=force)
