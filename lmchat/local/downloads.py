"""Downloads that can be watched: the API's jobs (PROTOCOL.md section 5), and one in a program's own thread."""

import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lmchat.chat.models import DownloadJob
from lmchat.dataclass import dataclass
from lmchat.errors import LmchatError
from lmchat.local import models
from lmchat.local.catalogue import CATALOGUE, KnownModel, known
from lmchat.local.fetch import fetch
from lmchat.local.models import Places
from lmchat.local.refusals import Refusal

Fetch = Callable[[KnownModel, Path, Callable[[int], None]], object]
"""Takes a model, the cache directory and a function that is given the bytes so far; raises LmchatError."""


@dataclass(slots=True)
class Job:
    """One download; `status` is `downloading`, `completed` or `failed`."""

    id: str
    model: KnownModel
    began: datetime
    status: str = "downloading"
    done: int = 0
    first: int | None = None
    ended: datetime | None = None
    problem: str = ""

    def reported(self) -> dict[str, Any]:
        """Return the job as the status route shows it."""
        report: dict[str, Any] = {
            "job_id": self.id,
            "status": self.status,
            "downloaded_bytes": self.done,
            "total_size_bytes": self.model.size,
            "started_at": _stamp(self.began),
        }
        if self.status == "downloading":
            rate = self._rate()
            report["bytes_per_second"] = round(rate)
            if rate > 0:
                left = timedelta(seconds=(self.model.size - self.done) / rate)
                report["estimated_completion"] = _stamp(datetime.now(UTC) + left)
        if self.ended is not None and self.status == "completed":
            report["completed_at"] = _stamp(self.ended)
        if self.problem:
            report["error"] = {"message": self.problem, "type": "internal_error", "code": "download_failed"}
        return report

    def _rate(self) -> float:
        """Return the bytes per second so far, without what an earlier attempt had left."""
        seconds = (datetime.now(UTC) - self.began).total_seconds()
        return max(0.0, (self.done - (self.first or 0)) / seconds) if seconds > 0 else 0.0


class Downloads:
    """The downloads of one server."""

    def __init__(self, places: Places, fetch: Fetch) -> None:
        self._places = places
        self._fetch = fetch
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def begin(self, name: str) -> dict[str, Any]:
        """Start to download a model, unless it is here or on its way; raise Refusal for an unknown one."""
        model = known(name)
        if model is None:
            offered = ", ".join(each.key for each in CATALOGUE)
            message = f"The embedded server cannot download '{name}'. It offers: {offered}."
            raise Refusal(message, status=404, param="model", code="model_not_found")
        if models.in_cache(self._places, model):
            return {"status": "already_downloaded"}
        with self._lock:
            running = [job for job in self._jobs.values() if job.model == model and job.status == "downloading"]
            job = running[0] if running else Job(f"job_{secrets.token_hex(8)}", model, datetime.now(UTC))
            if not running:
                self._jobs[job.id] = job
                threading.Thread(target=self._run, args=(job,), name="download", daemon=True).start()
        return {
            "job_id": job.id,
            "status": "downloading",
            "total_size_bytes": model.size,
            "started_at": _stamp(job.began),
        }

    @property
    def running(self) -> bool:
        """Tell whether any download is under way."""
        return any(job.status == "downloading" for job in list(self._jobs.values()))

    def status(self, job_id: str) -> dict[str, Any]:
        """Return how far a download is; raise Refusal for an unknown job."""
        job = self._jobs.get(job_id)
        if job is None:
            message = f"Cannot find a download job with id '{job_id}'."
            raise Refusal(message, status=404, kind="job_not_found", param="job_id", code="job_not_found")
        return job.reported()

    def _run(self, job: Job) -> None:
        def progress(done: int) -> None:
            job.first = done if job.first is None else job.first
            job.done = min(done, job.model.size)

        try:
            self._fetch(job.model, self._places.cache, progress)
            job.done = job.model.size
        except LmchatError as problem:
            job.problem = f"{problem.message} {problem.hint}".strip()
        except Exception as bug:  # noqa: BLE001  # the thread would die unheard, and the job stay "downloading"
            job.problem = f"The download failed: {type(bug).__name__}: {bug}"
        job.ended = datetime.now(UTC)
        job.status = "failed" if job.problem else "completed"


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Fetching:
    """A fetch that runs in a thread of this program, as a transfer that can be watched; sizes are in bytes."""

    def __init__(self, model: KnownModel, cache: Path) -> None:
        self._model = model
        self._done: int | None = None
        self._first = 0
        self._all_seen = False
        self._began = time.monotonic()
        self._problems: list[Exception] = []
        self._thread = threading.Thread(target=self._run, args=(cache,), name="fetch", daemon=True)
        self._thread.start()

    def job(self) -> DownloadJob:
        """Return how far the bytes are; that all are here is said once before it is over.

        It is over before the file is joined and checked.
        """
        done, all_seen = self._done or 0, self._all_seen
        self._all_seen = done >= self._model.size
        seconds = time.monotonic() - self._began
        rate = (done - self._first) / seconds if seconds > 1 else None
        over = all_seen or not self._thread.is_alive()
        return DownloadJob("", "completed" if over else "downloading", done, self._model.size, rate)

    def wait(self) -> None:
        """Wait until the model can be used; raise LmchatError where it could not be fetched."""
        self._thread.join()
        for problem in self._problems:
            raise problem

    def _run(self, cache: Path) -> None:
        try:
            fetch(self._model, cache, self._progress)
        except Exception as problem:  # noqa: BLE001  # raised again by `wait`
            self._problems.append(problem)

    def _progress(self, done: int) -> None:
        if self._done is None:
            self._first = done
        self._done = min(done, self._model.size)
