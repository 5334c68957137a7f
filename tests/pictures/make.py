"""README's pictures: the real program in a pseudo-terminal, its screen drawn as SVG: `python -m tests.pictures.make`.

Only the replies are played; everything else is lmchat itself.
"""

import json
import os
import re
import sys
import tempfile
import time
from io import StringIO
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.wire.scripted import ScriptedServer, Steps, answer, stream

HERE = Path(__file__).parent
COLUMNS, LINES = 88, 30
MODELS = (
    '{"models":[{"type":"llm","key":"google/gemma-3-4b","publisher":"google","size_bytes":3341000000,'
    '"quantization":{"name":"Q4_K_M"},"params_string":"4B","max_context_length":131072,'
    '"loaded_instances":[{"id":"google/gemma-3-4b","config":{"context_length":8192}}],'
    '"capabilities":{"vision":true,"trained_for_tool_use":true}}]}'
)
TABLE = """Three ways to say it:

| Language | Greeting | When |
|---|---|---|
| English | Good morning | until noon |
| 日本語 | おはようございます | 午前中 |
| Français | Bonjour | **all day** |

In Python, `greet` picks one by the hour:

```python
def greet(hour: int) -> str:
    return "おはよう" if hour < 12 else "こんにちは"  # 正午まで
```
"""
COLOUR = "Noted: **青**, the colour of the sky at noon."


def played(text: str, number: int) -> Steps:
    """Play a reply in small pieces, as models do."""
    start = _frame({"type": "chat.start", "model_instance_id": "google/gemma-3-4b"})
    pieces = re.findall(r"\s*\S+\s*", text)
    frames = [_frame({"type": "message.delta", "content": piece}) for piece in pieces]
    stats = {"input_tokens": 400 * number, "total_output_tokens": 160, "tokens_per_second": 57.7}
    result = {
        "model_instance_id": "google/gemma-3-4b",
        "output": [{"type": "message", "content": text}],
        "stats": stats | {"time_to_first_token_seconds": 0.1},
        "response_id": f"resp_{number:048x}",
    }
    return stream(start, *frames, _frame({"type": "chat.end", "result": result}))


def _frame(data: dict[str, object]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


class Terminal:
    """Run a command in a pseudo-terminal and look at its screen."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self._screen = pyte.HistoryScreen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        environ = {**os.environ, "LMCHAT_HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self._child = pexpect.spawn(
            sys.executable,
            ["-m", "lmchat", *arguments],
            dimensions=(LINES, COLUMNS),
            env=environ,
        )

    def wait(self, seconds: float) -> None:
        """Take in what comes for a while, and answer where the cursor is."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                data = self._child.read_nonblocking(65536, timeout=0.1)
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                return
            self._stream.feed(data)
            if b"\x1b[6n" in data:
                cursor = self._screen.cursor
                self._child.send(f"\x1b[{cursor.y + 1};{cursor.x + 1}R")

    def type(self, text: str) -> None:
        """Type a line and see what comes of it."""
        for character in text:
            self._child.send(character)
        self.wait(0.5)
        self._child.send("\r")
        self.wait(2.5)

    def rows(self) -> list[Text]:
        """Return the rows of the screen, without empty ones at the end."""
        rows = [self._row(number) for number in range(LINES)]
        while rows and not rows[-1].plain.strip():
            rows.pop()
        return rows

    def close(self) -> None:
        """End the program."""
        self._child.sendeof()
        self._child.close(force=True)

    def _row(self, number: int) -> Text:
        row = Text()
        for column in range(COLUMNS):
            cell = self._screen.buffer[number][column]
            row.append(cell.data, _style(cell))
        return row


def _style(cell: pyte.screens.Char) -> Style:
    def colour(name: str) -> str | None:
        plain = {"default": None, "brown": "yellow"}.get(name, name)
        if plain is None:
            return None
        if re.fullmatch("[0-9a-f]{6}", plain):
            return f"#{plain}"
        return plain.replace("bright", "bright_") if plain.startswith("bright") else plain

    return Style(
        color=colour(cell.fg),
        bgcolor=colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def draw(rows: list[Text], title: str, path: Path) -> None:
    """Draw rows as SVG, with the fonts of whoever looks at it."""
    console = Console(width=COLUMNS, record=True, file=StringIO())
    for row in rows:
        console.print(row, no_wrap=True, overflow="crop")
    svg = console.export_svg(title=title, theme=MONOKAI, unique_id=path.stem)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    path.write_text(svg.replace("<!-- Generated with Rich https://www.textualize.io -->\n", ""), encoding="utf-8")


def talk(home: Path, url: str) -> list[Text]:
    """Talk a little."""
    terminal = Terminal(home, "--url", url, "talk", "greetings")
    terminal.wait(2)
    terminal.type("How do I say good morning in three languages?")
    terminal.type("私の好きな色は青です。")
    rows = terminal.rows()
    terminal.close()
    return rows


def main() -> None:
    """Make every picture."""
    with tempfile.TemporaryDirectory() as home:

        def served(request: object) -> Steps:
            path = getattr(request, "path", "")
            if not path.endswith("/chat"):
                return answer(200, MODELS)
            return next(replies)

        replies = iter([played(TABLE, 1), played(COLOUR, 2)])
        with ScriptedServer(served) as server:
            draw(talk(Path(home), server.url), "lmchat talk greetings", HERE / "talk.svg")


if __name__ == "__main__":
    main()
