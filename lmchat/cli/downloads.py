"""Watch a download on the server to its end."""

import time
from collections.abc import Callable

from lmchat.errors import LmchatError
from lmchat.render.gauge import gauge, transfer_words
from lmchat.wire.catalogue import DownloadJob
from lmchat.wire.client import Client
from lmchat.world import World

_EVERY = 0.25


def watch_download(
    world: World, client: Client, job: DownloadJob, sleep: Callable[[float], None] = time.sleep
) -> DownloadJob:
    """Show a download until it is over; raise LmchatError where it failed or was paused."""
    with gauge(world) as line:
        while not job.over and job.status != "paused":
            line.show(transfer_words(job.downloaded_bytes or 0, job.total_size_bytes, job.bytes_per_second))
            sleep(_EVERY)
            job = client.download_status(job.id)
    if job.status in {"failed", "paused"}:
        raise LmchatError(
            f"The download {'failed' if job.status == 'failed' else 'is paused'}.",
            hint="The server's own log says why; the same command goes on with it.",
        )
    return job
