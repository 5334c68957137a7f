"""Downloads that can be watched: each in a thread of its own, and those of a server by the API's job ids."""

import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lmchat.chat.models import DownloadJob
from lmchat.errors import LmchatError
from lmchat.local.catalogue import CATALOGUE, KnownModel, known
from lmchat.local.fetch import fetch
from lmchat.local.models import Places
from lmchat.local.refusals import Refusal, not_found

Fetch = Callable[[KnownModel, Path, Callable[[int], None]], object]
"""Takes a model, the cache directory and a function that is given the bytes so far; raises LmchatError."""


class Download:
    """The fetch of one model, which runs in a thread from the start; sizes are in bytes."""

    def __init__(self, model: KnownModel, cache: Path, fetch: Fetch = fetch) -> None:
        self.id = f"job_{secrets.token_hex(8)}"
        self.model = model
        self.began = datetime.now(UTC)
        self.ended: datetime | None = None
        self._since = time.monotonic()
        self._first: int | None = None
        self._done = 0
        self._all_seen = False
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(cache, fetch), name="download", daemon=True)
        self._thread.start()

    @property
    def status(self) -> str:
        """Return `downloading`, `completed` or `failed`."""
        if self.ended is None:
            return "downloading"
        return "completed" if self._problem is None else "failed"

    def job(self) -> DownloadJob:
        """Return how far the bytes are; that all are here is returned once before it is over.

        It is over before the file is joined and checked.
        """
        done, all_seen = self._done, self._all_seen
        self._all_seen = done >= self.model.size
        over = all_seen or self.ended is not None
        rate = self._rate() if time.monotonic() - self._since > 1 else None
        return DownloadJob("", "completed" if over else "downloading", done, self.model.size, rate)

    def wait(self) -> None:
        """Wait until the model can be used; raise LmchatError where it could not be fetched."""
        self._thread.join()
        if self._problem is not None:
            raise self._problem

    def begun(self) -> dict[str, Any]:
        """Return the download as the route that begins one shows it."""
        return {
            "job_id": self.id,
            "status": "downloading",
            "total_size_bytes": self.model.size,
            "started_at": _stamp(self.began),
        }

    def reported(self) -> dict[str, Any]:
        """Return the download as the status route shows it."""
        report: dict[str, Any] = {**self.begun(), "status": self.status, "downloaded_bytes": self._done}
        if self.ended is None:
            rate = self._rate()
            report["bytes_per_second"] = round(rate)
            if rate > 0:
                left = timedelta(seconds=(self.model.size - self._done) / rate)
                report["estimated_completion"] = _stamp(datetime.now(UTC) + left)
        elif self._problem is None:
            report["completed_at"] = _stamp(self.ended)
        else:
            report["error"] = {"message": self._reason(), "type": "internal_error", "code": "download_failed"}
        return report

    def _rate(self) -> float:
        """Return the bytes per second so far, without those of an earlier attempt."""
        seconds = time.monotonic() - self._since
        return max(0.0, (self._done - (self._first or 0)) / seconds) if seconds > 0 else 0.0

    def _reason(self) -> str:
        if isinstance(self._problem, LmchatError):
            return f"{self._problem.message} {self._problem.hint}".strip()
        return f"The download failed: {type(self._problem).__name__}: {self._problem}"

    def _run(self, cache: Path, fetch: Fetch) -> None:
        try:
            fetch(self.model, cache, self._progress)
            self._done = self.model.size
        except Exception as problem:  # noqa: BLE001  # shown by the status, raised again by `wait`
            self._problem = problem
        self.ended = datetime.now(UTC)

    def _progress(self, done: int) -> None:
        self._first = done if self._first is None else self._first
        self._done = min(done, self.model.size)


class Downloads:
    """The downloads of one server (PROTOCOL.md section 5)."""

    def __init__(self, places: Places, fetch: Fetch) -> None:
        self._places = places
        self._fetch = fetch
        self._lock = threading.Lock()
        self._jobs: dict[str, Download] = {}

    @property
    def running(self) -> bool:
        """Return whether any download is under way."""
        return any(job.ended is None for job in list(self._jobs.values()))

    def begin(self, name: str) -> dict[str, Any]:
        """Start to download a model, unless it is here or under way; raise Refusal for an unknown one."""
        model = known(name)
        if model is None:
            offered = ", ".join(each.key for each in CATALOGUE)
            raise not_found(f"The built-in server cannot download '{name}'. It offers: {offered}.")
        if model.is_in(self._places.cache):
            return {"status": "already_downloaded"}
        with self._lock:
            running = [job for job in self._jobs.values() if job.model == model and job.ended is None]
            job = running[0] if running else Download(model, self._places.cache, self._fetch)
            self._jobs[job.id] = job
        return job.begun()

    def status(self, job_id: str) -> dict[str, Any]:
        """Return how far a download is; raise Refusal for an unknown job."""
        job = self._jobs.get(job_id)
        if job is None:
            message = f"Cannot find a download job with id '{job_id}'."
            raise Refusal(message, status=404, kind="job_not_found", param="job_id", code="job_not_found")
        return job.reported()


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
