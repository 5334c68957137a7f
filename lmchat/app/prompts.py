"""The person's own prompts and roles where they are used: system prompts by name, and `lmchat prompts`."""

from collections.abc import Sequence

from lmchat.advice import Say
from lmchat.app.attachments import text_or_file
from lmchat.app.invocation import Invocation
from lmchat.errors import SettingsError
from lmchat.render.messages import show_failure
from lmchat.settings import Settings, settings_path
from lmchat.settings.prompts import Kind, PromptFile, read_all, read_prompt

_TYPED = {Kind.PROMPT: "/{}", Kind.ROLE: ":{}"}
"""How each is called by its name in talk."""


def system_prompt(text: str, settings: Settings, say: Say, encoding: str | None = None) -> str:
    """Return the system prompt that was given: the text itself, a file's (@FILE) or a role's (:NAME)."""
    role = text.removeprefix(":")
    if role != text and role and not role[0].isspace() and len(role.split()) == 1:
        return read_prompt(settings.path, Kind.ROLE, role).text
    return text_or_file(text, say, encoding)


def list_prompts(invocation: Invocation, *, as_json: bool) -> None:
    """List prompts and roles on stdout; what is wrong with one of them is said on stderr."""
    path = settings_path(invocation.world)
    found: list[tuple[Kind, PromptFile]] = []
    for kind in Kind:
        for each in read_all(path, kind):
            if isinstance(each, SettingsError):
                show_failure(invocation.world, each)
            else:
                found.append((kind, each))
    if as_json:
        from lmchat.render.json_output import write_document

        write_document(invocation.world.stdout, [_document(kind, each) for kind, each in found])
    elif found:
        rows = [(_TYPED[kind].format(each.name), each) for kind, each in found]
        invocation.world.stdout.write(_table(invocation, rows))
    else:
        directory = path.parent / Kind.PROMPT.value
        invocation.say(f"There are none yet. Write one into {directory / 'commit.md'}, and it is /commit in talk.")


def _table(invocation: Invocation, rows: Sequence[tuple[str, PromptFile]]) -> str:
    from lmchat.app.display import theme_of, width_of
    from lmchat.render.listings import Column, listing

    columns: tuple[Column[tuple[str, PromptFile]], ...] = (
        Column("NAME", lambda row: row[0]),
        Column("MODEL", lambda row: row[1].model, shrinks=True),
        Column("DESCRIPTION", lambda row: row[1].about, shrinks=True),
    )
    return listing(columns, rows, theme_of(invocation), width_of(invocation))


def _document(kind: Kind, each: PromptFile) -> dict[str, object]:
    return {
        "kind": kind.noun,
        "name": each.name,
        "description": each.description,
        "model": each.model,
        "options": each.options.given(),
        "path": str(each.path),
    }
