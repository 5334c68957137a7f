"""What streaming Markdown costs: CPU seconds, bytes written and paints, beside a full redraw and a peer's renderer.

    pip install -e '.[bench]' && python tests/bench/render_cost.py

The reply is made of prose, lists, tables, code in three languages, Japanese and emoji, in tokens of about four
characters. The clock of the stream is simulated (50 tokens/s), the CPU time is real. The full redraw is rich's
`Live(Markdown(everything so far))`, fifteen times a second. The peer is PyPI's `streamdown`, which reads the reply from
a pipe, a token at a time; without it, its lines are left out.
"""

import io
import random
import re
import resource
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown

from lmchat.render.markdown.stream import MarkdownStream
from lmchat.render.painter import Painter
from lmchat.render.terminal import Theme, theme_for

SIZE = (100, 30)
SIZES = (2_000, 10_000, 50_000)
NAIVE_SIZES = (2_000, 10_000)
TOKENS_PER_SECOND = 50
RUNS = 6
NAIVE_PAINTS_PER_SECOND = 15
FAST_TOKENS_PER_SECOND = 2_000
TOKEN = re.compile(r"\s*\S{1,4}|\s+")

WORDS = (
    "stream",
    "keeps",
    "only",
    "what",
    "is",
    "open",
    "and",
    "settles",
    "every",
    "row",
    "once",
    "while",
    "words",
    "come",
)
BLOCKS = (
    "- first point with `code`\n- second point, *stressed*\n  - nested point\n  - [x] done\n- third point\n",
    "1. install it\n2. run it\n\n   with care\n3. read on\n",
    "| Name | Count | Note |\n|:-----|------:|:----:|\n| りんご | 12 | **fresh** |\n| pear | 7 | ✅ |\n",
    '```python\ndef area(radius: float) -> float:\n    """Return the area."""\n    return 3.14 * radius**2\n\n\n```\n',
    '```python\nfor each in (1, 2, 3):\n    print(f"{each}: {area(each):.2f}")  # two digits\n```\n',
    "```js\n/* a comment\n   of two lines */\nconst sum = (a, b) => a + b;\nconsole.log(`sum ${sum(1, 2)}`);\n```\n",
    '```bash\nfor file in *.txt; do\n  echo "$file" | tr a-z A-Z\ndone\n```\n',
    "> A quote that says something\n> over two lines.\n",
    "日本語の文章も混ざります。折り返しは文字の間で行われ、句読点は行の先頭に来ません。🎉 絵文字もあります。\n",
    "## A heading with **weight**\n",
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost."""

    cpu: float
    written: int
    paints: int


def reply(tokens: int) -> list[str]:
    """Make a mixed reply of so many tokens, always the same."""
    chance = random.Random(1)  # noqa: S311 - no secret
    pieces: list[str] = []
    while len(pieces) < tokens:
        words = [chance.choice(WORDS) for _ in range(chance.randint(25, 90))]
        words[5], words[9], words[14] = f"**{words[5]}**", f"`{words[9]}`", f"[{words[14]}](https://example.com/a)"
        parts = [" ".join(words) + ".\n", chance.choice(BLOCKS)]
        pieces += TOKEN.findall("\n".join(parts) + "\n")
    return pieces[:tokens]


def streamed(tokens: list[str], theme: Theme, per_second: float) -> Cost:
    """Stream through lmchat's renderer."""
    writes: list[int] = []
    clock = [0.0]
    painter = Painter(lambda text: writes.append(len(text.encode())), lambda: SIZE, live=True)
    stream = MarkdownStream(painter, theme, lambda: clock[0])
    began = time.process_time()
    for index, token in enumerate(tokens):
        clock[0] = index / per_second
        stream.feed(token)
    stream.finish()
    painter.close()
    return Cost(time.process_time() - began, sum(writes), len(writes))


def copied(tokens: list[str]) -> Cost:
    """Write the reply as it is: what nothing can beat."""
    out = io.StringIO()
    began = time.process_time()
    for token in tokens:
        out.write(token)
        out.flush()
    return Cost(time.process_time() - began, len(out.getvalue().encode()), len(tokens))


def redrawn(tokens: list[str]) -> Cost:
    """Redraw everything so far with rich, fifteen times a second."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=SIZE[0], height=SIZE[1], color_system="standard")
    began = time.process_time()
    text, due, paints = "", 0.0, 0
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        for index, token in enumerate(tokens):
            text += token
            now = index / TOKENS_PER_SECOND
            if now >= due:
                due, paints = now + 1 / NAIVE_PAINTS_PER_SECOND, paints + 1
                live.update(Markdown(text), refresh=True)
    return Cost(time.process_time() - began, len(out.getvalue().encode()), paints)


def piped(tokens: list[str], program: str) -> Cost:
    """Send the reply through another program, start-up included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        written: list[bytes] = []
        reader = threading.Thread(target=lambda out: written.append(out.read()), args=(child.stdout,))
        reader.start()
        for token in tokens:
            child.stdin.write(token.encode())
        child.stdin.close()
        reader.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, len(b"".join(written)), 0)


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def show(name: str, tokens: int, cost: Cost) -> None:
    """Print a line of the table."""
    seconds = tokens / TOKENS_PER_SECOND
    share, paints = cost.cpu / seconds, cost.paints / seconds
    say(f"{name:<24}{tokens:>8,}{cost.cpu:>10.2f} s{share:>9.2%}{cost.written / 1e6:>9.2f} MB{paints:>8.1f}/s")


def main() -> None:
    """Print the table and the ratios that count."""
    beside = Path(sysconfig.get_path("scripts"), "streamdown")
    peer = str(beside) if beside.exists() else shutil.which("streamdown")
    if peer is None:
        sys.stderr.write("streamdown is not installed: the table has no peer.\n")
    theme = theme_for({"TERM": "xterm-256color"}, terminal=True)
    streamed(reply(500), theme, TOKENS_PER_SECOND)  # what is loaded and compiled once
    say(f"{'renderer':<24}{'tokens':>8}{'CPU':>12}{'core':>9}{'written':>12}{'paints':>10}")
    ours = {}
    for size in SIZES:
        tokens = reply(size)
        show("plain copy", size, copied(tokens))
        # The least of a few runs: what else the machine does only ever adds.
        runs = [streamed(tokens, theme, TOKENS_PER_SECOND) for _ in range(RUNS)]
        ours[size] = min(runs, key=lambda run: run.cpu)
        show("lmchat", size, ours[size])
        if peer:
            show("streamdown (a pipe)", size, piped(tokens, peer))
    naive = {size: redrawn(reply(size)) for size in NAIVE_SIZES}
    for size, cost in naive.items():
        show("full redraw (rich)", size, cost)
    middle, large = SIZES[1], SIZES[2]
    fast = streamed(reply(middle), theme, FAST_TOKENS_PER_SECOND)
    say(f"\n{large:,} tokens cost {ours[large].cpu / ours[middle].cpu:.2f} times {middle:,}")
    say(f"the full redraw of {middle:,} tokens costs {naive[middle].cpu / ours[middle].cpu:.0f} times as much")
    seconds = middle / FAST_TOKENS_PER_SECOND
    say(f"{middle:,} tokens at {FAST_TOKENS_PER_SECOND:,}/s: {fast.cpu:.2f} s CPU of {seconds:.0f} s;")
    say(f"  {middle / fast.cpu:,.0f} tokens/s are possible")


if __name__ == "__main__":
    main()
