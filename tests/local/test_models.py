"""The model files on this machine, and the routes that list, load, unload and download them."""

import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmchat.errors import LmchatError
from lmchat.local.catalogue import BUILT_IN, KnownModel
from lmchat.local.downloads import Download, Downloads
from lmchat.local.models import DamagedFileError, Places, head, left_out, present
from tests.local.conftest import KEY, Served, gguf_bytes, put_built_in

LLAMA = gguf_bytes(
    general__architecture="llama",
    general__name="Tiny Llama",
    general__size_label="1.1B",
    general__file_type=7,
    llama__context_length=2048,
    tokenizer__ggml__model="unread",
)


def put(path: Path, data: bytes = LLAMA) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "cache", tmp_path / "lmstudio")


def keys(places: Places) -> list[str]:
    return [model.key for model in present(places)]


def test_on_a_fresh_machine_there_is_none(places: Places) -> None:
    assert keys(places) == []


def test_the_built_in_model_is_described_in_full(places: Places) -> None:
    put_built_in(places.cache)

    assert present(places)[0].listed([]) == {
        "type": "llm",
        "publisher": "Qwen",
        "key": KEY,
        "display_name": "Qwen2.5 Coder 0.5B Instruct",
        "architecture": "qwen2",
        "quantization": {"name": "Q4_K_M", "bits_per_weight": 4},
        "size_bytes": 491400064,
        "params_string": "0.5B",
        "loaded_instances": [],
        "max_context_length": 32768,
        "format": "gguf",
        "capabilities": {"vision": False, "trained_for_tool_use": False},
        "description": None,
        "variants": [f"{KEY}@q4_k_m"],
        "selected_variant": f"{KEY}@q4_k_m",
    }


def test_half_a_file_is_not_the_built_in_model(places: Places) -> None:
    put(places.cache / BUILT_IN.file)

    assert keys(places) == []


def test_a_model_of_lm_studio_is_described_by_its_own_head(places: Places) -> None:
    put(places.lmstudio / "someone" / "Tiny-GGUF" / "Tiny-Q8_0.gguf")

    row = present(places)[0].listed([])

    assert (row["key"], row["publisher"], row["display_name"]) == ("tiny-q8_0", "someone", "Tiny Llama")
    assert (row["quantization"], row["params_string"]) == ({"name": "Q8_0", "bits_per_weight": 8}, "1.1B")
    assert row["max_context_length"] == 2048


def test_the_file_the_person_named_comes_first(places: Places, tmp_path: Path) -> None:
    put_built_in(places.cache)
    chosen = put(tmp_path / "Mine.gguf")

    assert keys(Places(places.cache, places.lmstudio, chosen)) == ["mine", KEY]


def test_two_files_of_one_name_have_two_keys(places: Places) -> None:
    put(places.lmstudio / "a" / "x" / "same.gguf")
    put(places.lmstudio / "b" / "x" / "same.gguf")

    assert keys(places) == ["same", "b/same"]


@pytest.mark.parametrize("name", ["mmproj-model-f16.gguf", "big-00002-of-00003.gguf"])
def test_companions_and_later_pieces_are_no_models(places: Places, name: str) -> None:
    put(places.lmstudio / "a" / "x" / name)

    assert keys(places) == []


@pytest.mark.parametrize("data", [b"", b"GGUF", b"PK\x03\x04" * 20, LLAMA[:60], b"GGUF" + b"\xff" * 60])
def test_a_damaged_file_is_left_out_and_named(places: Places, data: bytes) -> None:
    path = put(places.lmstudio / "a" / "x" / "bad.gguf", data)

    assert keys(places) == []
    with pytest.raises(DamagedFileError, match=r"bad\.gguf"):
        head(path)


def array(inner: int, count: int) -> bytes:
    return struct.pack("<IIQ", 9, inner, count)


def metadata(count: int, value: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, count) + struct.pack("<Q", 1) + b"a" + value


HOSTILE = {
    "nested": metadata(1, array(9, 1) + struct.pack("<IQ", 9, 1) * 100_000),
    "nested_wide": metadata(1, array(9, 2**63) + struct.pack("<IQ", 9, 2**63) * 100_000),
    "many_entries": metadata(2**63, struct.pack("<II", 4, 1)),
    "long_array": metadata(1, array(12, 2**63)),
    "long_texts": metadata(1, array(8, 2**63) + struct.pack("<Q", 2**63)),
    "long_name": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**64 - 1),
    "unknown_kind": metadata(1, struct.pack("<I", 99)),
    "no_text": metadata(1, struct.pack("<IQ", 8, 2) + b"\xff\xff"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_left_out_and_named_and_the_others_are_listed(places: Places, data: bytes) -> None:
    put(places.lmstudio / "a" / "x" / "good.gguf")
    bad = put(places.lmstudio / "a" / "x" / "bad.gguf", data)

    assert keys(places) == ["good"]
    [(path, reason)] = left_out(places)
    assert path == bad
    assert "bad.gguf" in reason


def test_a_large_hostile_file_is_read_quickly(places: Places) -> None:
    put(places.lmstudio / "a" / "x" / "empty_texts.gguf", metadata(2**63, array(8, 2**63) + b"\0" * (8 << 20)))

    before = time.perf_counter()
    present(places)

    assert time.perf_counter() - before < 3


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_directory(path: Path) -> None:
    path.mkdir()


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.skipif(os.name != "posix", reason="makes pipes and devices")
@pytest.mark.parametrize("make", [make_pipe, make_directory, make_device, make_loop])
def test_what_is_no_ordinary_file_is_left_out_and_named(places: Places, make: Callable[[Path], None]) -> None:
    put(places.lmstudio / "a" / "x" / "good.gguf")
    odd = places.lmstudio / "a" / "x" / "odd.gguf"
    make(odd)

    assert keys(places) == ["good"]
    assert [path for path, _ in left_out(places)] == [odd]
    chosen = Places(places.cache, places.lmstudio, odd)
    assert keys(chosen) == ["good"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_a_name_that_is_not_text_does_not_prevent_the_list(served: Served) -> None:
    put(served.places.lmstudio / "a" / "x" / os.fsdecode(b"caf\xe9.gguf"))

    rows = served.http.get("/api/v1/models").json()["models"]

    assert [row["key"] for row in rows] == [KEY, "caf\ufffd"]


def test_an_embedding_model_is_marked_and_cannot_chat(served: Served) -> None:
    put(served.places.lmstudio / "a" / "x" / "nomic.gguf", gguf_bytes(general__architecture="nomic-bert"))

    rows = served.http.get("/api/v1/models").json()["models"]

    assert [(row["key"], row["type"]) for row in rows] == [(KEY, "llm"), ("nomic", "embedding")]
    assert served.chat(model="nomic").status_code == 404


def test_the_list_is_quick(served: Served) -> None:
    for number in range(30):
        put(served.places.lmstudio / "a" / "x" / f"{number}.gguf")
    served.http.get("/api/v1/models")

    assert min(seconds_of(lambda: served.http.get("/api/v1/models")) for _ in range(5)) < 0.03


def seconds_of(work: Callable[[], object]) -> float:
    before = time.process_time()  # other programs may have the processor meanwhile
    work()
    return time.process_time() - before


def post(served: Served, route: str, **body: Any) -> Any:
    return served.http.post(f"/api/v1/models/{route}", json=body).json()


def instances(served: Served) -> list[Any]:
    listed: list[Any] = served.http.get("/api/v1/models").json()["models"][0]["loaded_instances"]
    return listed


def test_loading_says_what_was_loaded_and_the_list_shows_it(served: Served) -> None:
    answer = post(served, "load", model=KEY, context_length=2048, echo_load_config=True)

    assert answer.pop("load_time_seconds") >= 0
    assert answer == {
        "type": "llm",
        "instance_id": KEY,
        "status": "loaded",
        "load_config": {"context_length": 2048, "eval_batch_size": 128, "parallel": 1},
    }
    assert instances(served) == [{"id": KEY, "config": {"context_length": 2048, "parallel": 1}}]


def test_the_configuration_is_echoed_only_when_asked_for(served: Served) -> None:
    assert "load_config" not in post(served, "load", model=KEY)


def test_loading_twice_makes_a_second_instance_that_can_be_asked(served: Served) -> None:
    post(served, "load", model=KEY)
    second = post(served, "load", model=KEY)["instance_id"]

    assert second == f"{KEY}:2"
    assert served.chat(model=second).json()["model_instance_id"] == second


def test_unloading_ends_one_instance(served: Served) -> None:
    post(served, "load", model=KEY)

    assert post(served, "unload", instance_id=KEY) == {"instance_id": KEY}
    assert instances(served) == []


@pytest.mark.parametrize(
    ("route", "body", "param"),
    [
        ("load", {"model": "nothing"}, "model"),
        ("unload", {"instance_id": "nothing"}, "instance_id"),
        ("download", {"model": "nothing"}, "model"),
    ],
)
def test_what_is_not_there_is_a_404(served: Served, route: str, body: dict[str, str], param: str) -> None:
    answer = served.http.post(f"/api/v1/models/{route}", json=body)

    assert (answer.status_code, answer.json()["error"]["param"]) == (404, param)


@pytest.mark.parametrize("route", ["load", "unload", "download"])
def test_unknown_keys_are_refused_here_too(served: Served, route: str) -> None:
    assert post(served, route, nonsense=1)["error"]["code"] == "unrecognized_keys"


def test_what_is_here_is_not_downloaded_and_has_no_job(served: Served) -> None:
    for name in (KEY, "Qwen/" + KEY, "https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF"):
        assert post(served, "download", model=name) == {"status": "already_downloaded"}


def test_an_unknown_job_is_a_404(served: Served) -> None:
    answer = served.http.get("/api/v1/models/download/status/job%2F1")

    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "job_not_found"


def finished(downloads: Downloads, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (report := downloads.status(job_id))["status"] == "downloading" and time.monotonic() < deadline:
        time.sleep(0.01)
    return report


def test_a_download_reports_real_bytes_until_it_is_complete(places: Places) -> None:
    steps: list[dict[str, Any]] = []
    started = threading.Event()

    def fetch(model: KnownModel, cache: Path, progress: Callable[[int], None]) -> None:
        started.wait(10)
        for done in (1000, 2000):
            time.sleep(0.01)
            progress(done)
            steps.append(downloads.status(begun["job_id"]))

    downloads = Downloads(places, fetch)
    begun = downloads.begin(KEY)
    started.set()

    report = finished(downloads, begun["job_id"])

    assert begun["status"] == "downloading"
    assert begun["total_size_bytes"] == BUILT_IN.size
    assert [step["downloaded_bytes"] for step in steps] == [1000, 2000]
    assert steps[1]["bytes_per_second"] > 0
    assert "estimated_completion" in steps[1]
    assert (report["status"], report["downloaded_bytes"]) == ("completed", BUILT_IN.size)
    assert report["completed_at"].endswith("Z")


def test_a_second_request_joins_the_download_that_runs(places: Places) -> None:
    downloads = Downloads(places, lambda *_: time.sleep(0.2))

    assert downloads.begin(KEY)["job_id"] == downloads.begin(KEY)["job_id"]


def test_a_failed_download_says_why_and_can_be_begun_again(places: Places) -> None:
    def fetch(*_: object) -> None:
        raise LmchatError("No network.", hint="Plug it in.")

    downloads = Downloads(places, fetch)
    first = downloads.begin(KEY)["job_id"]

    report = finished(downloads, first)

    assert report["status"] == "failed"
    assert report["error"]["message"] == "No network. Plug it in."
    assert downloads.begin(KEY)["job_id"] != first


def test_a_fetch_that_is_watched_reaches_all_bytes_before_it_is_over(places: Places) -> None:
    checked = threading.Event()

    def fetch(model: KnownModel, _cache: Path, progress: Callable[[int], None]) -> None:
        progress(model.size // 2)
        progress(model.size)
        checked.wait(10)
        raise LmchatError("No network.")

    fetching = Download(BUILT_IN, places.cache, fetch)

    seen = []
    while not (transfer := fetching.job()).over:
        seen.append(transfer.downloaded_bytes)
        time.sleep(0.01)

    assert seen[-1] == BUILT_IN.size
    checked.set()
    with pytest.raises(LmchatError, match="No network"):
        fetching.wait()
