"""Run the whole program: in this process with a world of its own, or as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import TextIO

from lmchat.__main__ import main
from lmchat.world import World, standard_directories

FRAMES = (
    b'event: chat.start\ndata: {"type":"chat.start","model_instance_id":"tiny"}\n\n'
    b'event: message.start\ndata: {"type":"message.start"}\n\n'
    b'event: message.delta\ndata: {"type":"message.delta","content":"Bl"}\n\n'
    b'event: message.delta\ndata: {"type":"message.delta","content":"ue."}\n\n'
    b'event: message.end\ndata: {"type":"message.end"}\n\n'
    b'event: chat.end\ndata: {"type":"chat.end","result":{"model_instance_id":"tiny",'
    b'"output":[{"type":"message","content":"Blue."}],'
    b'"stats":{"input_tokens":35,"total_output_tokens":8,"reasoning_output_tokens":0,"tokens_per_second":57.7,'
    b'"time_to_first_token_seconds":0.107},"response_id":"resp_%s"}}\n\n'
)
"""One ordinary reply, as PROTOCOL.md section 4 has it."""

MODELS = (
    '{"models":[{"type":"llm","publisher":"acme","key":"tiny","display_name":"Tiny","size_bytes":1000,'
    '"quantization":{"name":"Q4","bits_per_weight":4},"params_string":"1B","max_context_length":4096,'
    '"loaded_instances":[{"id":"tiny","config":{"context_length":4096}}],"capabilities":{"vision":false}}]}'
)


def reply(response_id: str = "1" * 48) -> bytes:
    """Return the frames of one ordinary reply."""
    return FRAMES % response_id.encode()


class Terminal(TextIOWrapper):
    """Pass for a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Ran:
    """What a run left behind."""

    status: int
    stdout: str
    stderr: str


def run(
    home: Path,
    *arguments: str,
    stdin: str | TextIO | None = "",
    environ: Mapping[str, str] | None = None,
    terminal: bool = False,
) -> Ran:
    """Run the program in this process; `stdin` is what it reads, or None: a terminal where nothing is typed.

    With `terminal`, it writes to one, too.
    """
    output = Terminal if terminal else TextIOWrapper
    streams = [BytesIO(), BytesIO()]
    if stdin is None:
        stdin = Terminal(BytesIO(), encoding="utf-8")
    elif isinstance(stdin, str):
        stdin = TextIOWrapper(BytesIO(stdin.encode()), encoding="utf-8")
    world = World(
        stdin=stdin,
        stdout=output(streams[0], encoding="utf-8", write_through=True),
        stderr=output(streams[1], encoding="utf-8", write_through=True),
        environ={"LMCHAT_HOME": str(home), **(environ or {})},
        directories=standard_directories({"LMCHAT_HOME": str(home)}),
    )
    status = main(arguments, world)
    return Ran(int(status), streams[0].getvalue().decode(), streams[1].getvalue().decode())


def started(home: Path, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """Start the program as a process of its own, its output in pipes and nothing on its standard input."""
    return subprocess.Popen(
        [sys.executable, "-m", "lmchat", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "LMCHAT_HOME": str(home), **environ},
        text=True,
        encoding="utf-8",
    )
