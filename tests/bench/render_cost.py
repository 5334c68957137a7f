"""What streaming Markdown costs: CPU seconds, bytes written and paints, beside a full redraw and a peer's renderer.

    python tests/bench/render_cost.py [--peer DIRECTORY]

The reply is made of prose, lists, tables, code in three languages, Japanese and emoji, in tokens of about four
characters. The clock of the stream is simulated (50 tokens/s), the CPU time is real. The full redraw is rich's
`Live(Markdown(everything so far))`, redrawn as often as lmchat paints at most. DIRECTORY holds PyPI's `streamdown`:
`pip install --target DIRECTORY streamdown`.
"""

import argparse
import io
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown

from lmchat.render.markdown.stream import FRAME_SECONDS, MarkdownStream
from lmchat.render.painter import Painter
from lmchat.render.theme import Theme, theme_for

SIZE = (100, 30)
SIZES = (2_000, 10_000, 50_000)
NAIVE_SIZES = (2_000, 10_000)
TOKENS_PER_SECOND = 50
FAST_TOKENS_PER_SECOND = 2_000
TOKEN = re.compile(r"\s*\S{1,4}|\s+")

WORDS = (
    "the stream keeps only what is still open and settles every row once while words arrive in small pieces and "
    "nobody waits for a table or a list that is already complete on the screen of a terminal"
).split()
BLOCKS = (
    "- first point with `code`\n- second point, *stressed*\n  - nested point\n  - [x] done\n- third point\n",
    "1. install it\n2. run it\n\n   with care\n3. read on\n",
    "| Name | Count | Note |\n|:-----|------:|:----:|\n| りんご | 12 | **fresh** |\n| pear | 7 | ✅ |\n| 桃 | 104 | ok |\n",
    "```python\ndef area(radius: float) -> float:\n    \"\"\"Return the area.\"\"\"\n    return 3.14159 * radius**2\n\n\n"
    'for each in (1, 2, 3):\n    print(f"{each}: {area(each):.2f}")  # two digits\n```\n',
    "```js\n/* a comment\n   of two lines */\nconst sum = (a, b) => a + b;\nconsole.log(`sum ${sum(1, 2)}`);\n```\n",
    "```bash\nfor file in *.txt; do\n  echo \"$file\" | tr a-z A-Z\ndone\n```\n",
    "> A quote that says something\n> over two lines.\n",
    "日本語の文章も混ざります。折り返しは文字の間で行われ、句読点は行の先頭に来ません。🎉 絵文字もあります。\n",
    "## A heading with **weight**\n",
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Hold what one run cost."""

    cpu: float
    written: int
    paints: int
    behind: float = 0.0


def reply(tokens: int) -> list[str]:
    """Make a mixed reply of so many tokens, always the same."""
    chance = random.Random(1)
    parts: list[str] = []
    pieces: list[str] = []
    while len(pieces) < tokens:
        words = [chance.choice(WORDS) for _ in range(chance.randint(25, 90))]
        words[5], words[9], words[14] = f"**{words[5]}**", f"`{words[9]}`", f"[{words[14]}](https://example.com/a)"
        parts = [" ".join(words) + ".\n", chance.choice(BLOCKS)]
        pieces += TOKEN.findall("\n".join(parts) + "\n")
    return pieces[:tokens]


def streamed(tokens: list[str], theme: Theme, per_second: float) -> Cost:
    """Stream through lmchat's renderer; where tokens come faster than they are taken, tell how far it fell behind."""
    writes: list[int] = []
    clock = [0.0]
    painter = Painter(lambda text: writes.append(len(text.encode())), lambda: SIZE, live=True)
    stream = MarkdownStream(painter, theme, lambda: clock[0])
    began = time.process_time()
    behind = 0.0
    for index, token in enumerate(tokens):
        clock[0] = index / per_second
        stream.feed(token)
        behind = max(behind, time.process_time() - began - clock[0])
    stream.finish()
    painter.close()
    return Cost(time.process_time() - began, sum(writes), len(writes), behind)


def redrawn(tokens: list[str]) -> Cost:
    """Redraw everything so far with rich, as often as lmchat paints at most."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=SIZE[0], height=SIZE[1], color_system="standard")
    began = time.process_time()
    text, due, paints = "", 0.0, 0
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        for index, token in enumerate(tokens):
            text += token
            now = index / TOKENS_PER_SECOND
            if now >= due:
                due, paints = now + FRAME_SECONDS, paints + 1
                live.update(Markdown(text), refresh=True)
    return Cost(time.process_time() - began, len(out.getvalue().encode()), paints)
