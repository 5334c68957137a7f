"""Every figure that README promises, as a ratio with its yardstick in the same run: `python -m tests.bench`.

    python -m tests.bench [--peers] [--quick] [start] [pipe] [store] [render] [model]

Each is the median of several runs that take turns with their yardstick, in CPU seconds unless its line says otherwise:
other work on the machine then slows both. `--peers` also installs `llm` and `sgpt` into environments of their own and
measures them, `--quick` runs each twice, words choose parts. `model` needs the built-in model and takes a minute.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.server import DELTA, serving
from tests.bench.talk_start import until_prompt

RUNS, QUICK_RUNS = 9, 2
EVENTS = 60_000
TOKENS = 10_000
REDRAWN_TOKENS = 500
# Where click is installed, httpx loads its own command line, and rich, for nothing; lmchat keeps it from that.
HTTPX = "import sys; sys.modules['click'] = None; import httpx"
ENTRY = "import sys; from lmchat.__main__ import main; sys.exit(main())"

Run = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: what was measured, in milliseconds or as `unit` says, beside what, with the goal or 0."""

    name: str
    value: float
    yardstick: str
    against: float
    goal: float = 0.0
    unit: str = "ms"


def main(words: Sequence[str]) -> None:
    """Print the table."""
    runs = QUICK_RUNS if "--quick" in words else RUNS
    chosen = [word for word in words if not word.startswith("--")] or list(PARTS)
    for part in chosen:
        with tempfile.TemporaryDirectory() as home:
            for line in PARTS[part](Path(home), runs):
                show(line)
    if "--peers" in words:
        with tempfile.TemporaryDirectory() as home:
            for line in peers(Path(home), runs):
                show(line)


def show(line: Line) -> None:
    """Write one line of the table."""
    ratio = f"{line.value / line.against:6.2f} ×" if line.against else ""
    goal = f"(goal {line.goal:g})" if line.goal else ""
    sys.stdout.write(f"{line.name:44}{line.value:10.1f} {line.unit:3}{ratio:>9}  {line.yardstick} {goal}\n")
    sys.stdout.flush()


def side_by_side(runs: int, *measured: Run) -> list[float]:
    """Return the median of each, in milliseconds; they take turns, after one that warms what is cached."""
    found: list[list[float]] = [[] for _ in measured]
    for turn in range(runs + 1):
        for each, run in zip(found, measured, strict=True):
            value = run()
            if turn:
                each.append(value * 1000)
    return [median(each) for each in found]


def cpu(*command: str, home: Path) -> Run:
    """Return a run of a command that measures its CPU seconds."""

    def run() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _quietly(command, home)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return run


def _quietly(command: Sequence[str], home: Path) -> None:
    # Without a timeout: with one, subprocess looks only every 50 ms whether the program has ended.
    subprocess.run(command, env=environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def environment(home: Path) -> Mapping[str, str]:
    """Return the environment of what is measured: a home of its own, and compiled files as an installed program has."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # The caches of the built-in model stay where they are.
    return {**kept, "LMCHAT_HOME": str(home), "NO_COLOR": "1"}


def python(code: str, home: Path) -> Run:
    """Return a run of a line of Python."""
    return cpu(sys.executable, "-c", code, home=home)


def lmchat(*arguments: str, home: Path) -> Run:
    """Return a run of lmchat, as an installed program starts."""
    return cpu(sys.executable, "-c", ENTRY, *arguments, home=home)


def wall(code: str, home: Path) -> Run:
    """Return a run of a line of Python that measures its time by the clock on the wall."""

    def run() -> float:
        began = time.monotonic()
        _quietly((sys.executable, "-c", code), home)
        return time.monotonic() - began

    return run


def start(home: Path, runs: int) -> Iterator[Line]:
    """Measure how long the program takes before and beside what it was asked for."""
    with serving(1) as server:
        at_server = ("--url", server.url)
        ask = (*at_server, "ask", "-s", "bench", "-m", "m", "hi")

        def wire() -> float:
            began = time.monotonic()
            _quietly((sys.executable, "-c", ENTRY, *ask), home)
            return server.arrived[-1] - began

        sent, seconds = side_by_side(runs, wire, wall(HTTPX, home))
        yield Line("ask: its request arrives (wall clock)", sent, "import httpx", seconds, 1.4)
        whole, httpx = side_by_side(runs, lmchat(*ask, home=home), python(HTTPX, home))
        yield Line("ask: all of it", whole, "import httpx", httpx, 1.8)
        toolkit = wall("import prompt_toolkit, typer", home)
        prompt, imported = side_by_side(runs, lambda: until_prompt(home, server.url), toolkit)
        yield Line("talk: its prompt (wall clock)", prompt, "import prompt_toolkit, typer", imported, 1.5)
        listed, models, drawn = side_by_side(
            runs,
            lmchat("sessions", home=home),
            lmchat(*at_server, "models", home=home),
            python("import typer, rich.table", home),
        )
        yield Line("sessions", listed, "import typer, rich.table", drawn, 2)
        yield Line("models", models, "import typer, rich.table", drawn, 2)
        version, session, model, nothing = side_by_side(
            runs,
            lmchat("--version", home=home),
            lmchat("__complete", "sessions", home=home),
            lmchat("__complete", "models", *at_server, home=home),
            python("pass", home),
        )
    yield Line("--version", version, "python -c pass", nothing, 3)
    yield Line("Tab, for a session", session, "python -c pass", nothing, 3)
    yield Line("Tab, for a model", model, "python -c pass", nothing, 3)


def pipe(home: Path, runs: int) -> Iterator[Line]:
    """Measure what an event of a fast server costs in a pipe, without the start and what is done once."""
    command = ("ask", "--private", "-m", "m", "hi")
    data = DELTA.decode().split("data: ")[1].strip()
    decoding = f"import json\nfor _ in range({EVENTS}): json.loads({data!r})"
    with serving(1) as few, serving(EVENTS) as many:
        short, long, floor, nothing = side_by_side(
            runs,
            lmchat("--url", few.url, *command, home=home),
            lmchat("--url", many.url, *command, home=home),
            python(decoding, home),
            python("import json", home),
        )
    each, least = ((after - before) * 1000 / EVENTS for after, before in ((long, short), (floor, nothing)))
    yield Line("an event in a pipe", each, "json.loads of it", least, 2.5, unit="µs")


def store(home: Path, runs: int) -> Iterator[Line]:
    """Measure a store of 10,000 sessions, one of 100,000 turns, beside a small one."""
    from tests.bench.store_scale import measure

    del runs  # each is the best of five
    small, large = measure(home / "small", 100, 200), measure(home / "large", 10_000, 100_000)
    for name, goal in (("sessions(100)", 2.0), ("names to complete", 0.0)):
        yield Line(f"store: {name}", large[name], "a small store", small[name], goal)
    for name in ("shape()", "tree()", "the first turn of path()", "all of path()"):
        yield Line(f"store: {name} of 100,000 turns", large[name], "", 0)


def render(home: Path, runs: int) -> Iterator[Line]:
    """Measure the renderer's CPU for a reply of 10,000 tokens; rich, which redraws all of it, is given 500."""
    del home
    from lmchat.render.terminal import theme_for
    from tests.bench.render_cost import TOKENS_PER_SECOND, redrawn, reply, streamed

    theme, tokens = theme_for({"TERM": "xterm-256color"}, terminal=True), reply(TOKENS)
    (ours,) = side_by_side(min(runs, 3), lambda: streamed(tokens, theme, TOKENS_PER_SECOND).cpu)
    rich = redrawn(tokens[:REDRAWN_TOKENS]).cpu * 1000
    yield Line(f"Markdown of {TOKENS:,} tokens", ours, f"rich, redrawing {REDRAWN_TOKENS}", rich)


def model(home: Path, runs: int) -> Iterator[Line]:
    """Measure the built-in model: a cold first word, a warm one, and the 20th `ask` of a session beside the 2nd."""
    command = (sys.executable, "-c", ENTRY, "--url", "local", "ask", "--max-output-tokens", "8")
    try:
        cold = _first_word([*command, "Say hello."], home)
        (warm,) = side_by_side(min(runs, 3), lambda: _first_word([*command, "Say hello."], home))
        yield Line("built-in model: a warm first word (wall clock)", warm, "the first of all", cold * 1000)
        waits = [_until_first_token([*command, "--json", "-s", "chain", f"Say {each}."], home) for each in range(20)]
        late, early = median(waits[17:]), median(waits[1:4])
        yield Line("built-in model: 18th to 20th ask, first token", late, "the 2nd to 4th", early, 1.3)
    finally:
        _quietly([sys.executable, "-c", ENTRY, "local", "stop"], home)


def _first_word(command: Sequence[str], home: Path) -> float:
    began = time.monotonic()
    with subprocess.Popen(
        command, env=environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as program:
        assert program.stdout is not None
        program.stdout.read(1)
        return time.monotonic() - began


def _until_first_token(command: Sequence[str], home: Path) -> float:
    """Return the milliseconds that the server itself measured."""
    done = subprocess.run(
        command, env=environment(home), stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=600
    )
    return float(json.loads(done.stdout)["stats"]["time_to_first_token_seconds"]) * 1000


PEERS = {
    "llm": (["llm", "--no-log", "-m", "bench", "hi"], ["llm"]),
    # It imports click, which typer no longer brings.
    "sgpt": (["sgpt", "--no-cache", "--no-md", "hi"], ["shell-gpt", "click"]),
}


def peers(home: Path, runs: int) -> Iterator[Line]:
    """Measure how long other programs take before their request arrives, each in an environment of its own."""
    with serving(1) as server:
        _configure(home, server.url)
        for name, (command, packages) in PEERS.items():
            where = home / name
            venv.create(where, with_pip=True)
            installed = subprocess.run(
                [where / "bin/pip", "install", "-q", *packages], capture_output=True, check=False
            )
            if installed.returncode:
                sys.stdout.write(f"{name}: cannot be installed here\n")
                continue

            def wire(command: Sequence[str] = (str(where / "bin" / command[0]), *command[1:])) -> float:
                began, before = time.monotonic(), len(server.arrived)
                more = {"OPENAI_API_KEY": "none", "API_BASE_URL": f"{server.url}/v1", "LLM_USER_PATH": str(home)}
                with suppress(subprocess.TimeoutExpired):
                    subprocess.run(
                        command,
                        env={**environment(home), **more, "HOME": str(home)},
                        stdin=subprocess.DEVNULL,
                        capture_output=True,
                        timeout=20,
                        check=False,
                    )
                return server.arrived[before] - began if len(server.arrived) > before else float("nan")

            def ours() -> float:
                began = time.monotonic()
                _quietly([sys.executable, "-c", ENTRY, "--url", server.url, "ask", "-m", "m", "hi"], home)
                return server.arrived[-1] - began

            theirs, own = side_by_side(min(runs, 3), wire, ours)
            yield Line(f"{name}: its request arrives (wall clock)", theirs, "lmchat ask", own)


def _configure(home: Path, url: str) -> None:
    """Write what `llm` wants to know of a server."""
    known = [{"model_id": "bench", "model_name": "m", "api_base": f"{url}/v1", "api_key_name": "none"}]
    (home / "extra-openai-models.yaml").write_text(json.dumps(known))  # JSON is YAML


PARTS: Mapping[str, Callable[[Path, int], Iterator[Line]]] = {
    "start": start,
    "pipe": pipe,
    "store": store,
    "render": render,
    "model": model,
}

if __name__ == "__main__":
    main(sys.argv[1:])
