"""Show the settings: a table for people, one JSON document for scripts."""

from lmchat.cli.call import Call
from lmchat.cli.house import settings_of
from lmchat.cli.looks import theme_of, width_of
from lmchat.render.documents import write_document
from lmchat.render.tables import Column, listing

_COLUMNS = (Column("SETTING"), Column("VALUE", gives=True), Column("FROM", gives=True))
_UNSET = "-"


def show_settings(call: Call, *, as_json: bool) -> None:
    """List every setting, its value and where it was given; secrets stay hidden."""
    rows = settings_of(call).rows()
    if as_json:
        write_document(call.world.stdout, [{"key": row.name, "value": row.value, "source": row.source} for row in rows])
        return
    cells = [(row.name, row.shown or _UNSET, row.source) for row in rows]
    call.world.stdout.write(listing(_COLUMNS, cells, theme_of(call), width_of(call)))
