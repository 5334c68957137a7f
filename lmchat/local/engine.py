"""The engine: the program of the child process that loads one model and serves it as llama.cpp's HTTP server does.

Run by `engines`. Settings come in through the lifeline; on stdout go llama.cpp's own state lines, then one line
of JSON that names the address, or what went wrong.
"""

import json
import os
import threading
from typing import Any

from lmchat.local import child_process

_ENVIRONMENT = {
    # OpenMP threads that spin while they wait fell from 130 to 2 tokens a second when one core was busy.
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "0",
    # Makes llama.cpp report its state, load progress included, on stdout (undocumented; see `engines`).
    "LLAMA_SERVER_ROUTER_PORT": "1",
}


def main() -> None:
    """Load the model the settings name, serve it on a free loopback port, and stay until the lifeline ends."""
    child_process.die_with_parent()
    settings = child_process.hold()
    # llama.cpp redirects stdout in this mode.
    stdout = os.dup(1)
    for name, value in _ENVIRONMENT.items():
        os.putenv(name, value)
    try:
        import xllamacpp

        server = xllamacpp.Server(_parameters(xllamacpp, settings))
    except (ImportError, RuntimeError) as problem:
        _say(stdout, {"failed": type(problem).__name__, "message": str(problem)})
        return
    _say(stdout, {"listening": server.listening_address})
    threading.Event().wait()


def _parameters(xllamacpp: Any, settings: dict[str, Any]) -> Any:
    """Fill in llama.cpp's parameters; whatever is not set here has a default that suits a single reader."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings["path"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [settings["secret"]]
    parameters.cors_origins = ""
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.verbosity = 0
    parameters.n_ctx = settings["context"]
    parameters.n_parallel = 1
    # A cancelled prompt ends with its batch: 128 tokens take 0.7 s on two cores, 2,048 took up to 38 s.
    parameters.n_batch = parameters.n_ubatch = settings["batch"]
    parameters.cache_ram_mib = 256
    cores = _cores()
    parameters.cpuparams.n_threads = 1 if cores <= 2 else min(4, cores // 2)
    parameters.cpuparams_batch.n_threads = cores
    if settings["flash_attention"] is not None:
        kinds = xllamacpp.llama_flash_attn_type
        on, off = kinds.LLAMA_FLASH_ATTN_TYPE_ENABLED, kinds.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.flash_attn_type = on if settings["flash_attention"] else off
    return parameters


def _cores() -> int:
    """Count the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _say(stdout: int, message: dict[str, str]) -> None:
    os.write(stdout, json.dumps(message).encode() + b"\n")
