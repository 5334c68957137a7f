"""Watch a download on the server to its end."""

from lmchat.render.waiting import watched
from lmchat.wire.catalogue import DownloadJob
from lmchat.wire.client import Client
from lmchat.world import World


def watch_download(world: World, client: Client, job: DownloadJob) -> None:
    """Show a download until it is over; raise LmchatError where it failed or was paused."""
    watched(world, job, lambda: client.download_status(job.id)).require_success()
