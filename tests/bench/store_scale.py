"""Time what people wait for in a large store beside a small one: `python tests/bench/store_scale.py [DIRECTORY]`.

The large one has 10,000 sessions and one of 100,000 turns; it is built in the directory once, and used again.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random

from lmchat.chat.session import Session
from lmchat.store.documents import FORMAT, VERSION
from lmchat.store.file import session_names
from lmchat.store.store import Store, open_store

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
ENGLISH = [
    "the",
    "of",
    "and",
    "to",
    "a",
    "in",
    "is",
    "you",
    "that",
    "it",
    "he",
    "was",
    "for",
    "on",
    "with",
    "this",
    "have",
]
JAPANESE = "私の好きな色は青いと思うので今日は空を見ながら歩いて帰りましたそれから本を読んで寝る前に手紙を書いた"


def document(random: Random, name: str, first: int, turns: int) -> dict[str, object]:
    """Make an exported conversation with texts of an ordinary length, half of them Japanese."""

    def text(length: int) -> str:
        if random.random() < 0.5:
            return "".join(random.choices(JAPANESE, k=length // 2))
        return " ".join(random.choices(ENGLISH, k=length // 4))

    def turn(number: int) -> dict[str, object]:
        return {
            "id": number,
            "parent": number - 1 or None,
            "at": (BEGINNING + timedelta(seconds=first + number)).isoformat(),
            "outcome": "complete",
            "server": "http://localhost:1234",
            "model": "openai/gpt-oss-20b",
            "system": "",
            "forgotten": False,
            "summary": False,
            "fault": "",
            "prompt": text(80) + (" needle 針" if number == turns // 2 and name == "long" else ""),
            "images": [],
            "items": [{"kind": "message", "text": text(600)}],
            "response_id": f"resp_{number:048x}",
            "stats": {"input_tokens": number * 100, "total_output_tokens": 120},
            "model_instance_id": "openai/gpt-oss-20b",
        }

    return {
        "format": FORMAT,
        "version": VERSION,
        "name": name,
        "head": turns,
        "model": "openai/gpt-oss-20b",
        "system": "",
        "options": {},
        "integrations": [],
        "turns": [turn(number) for number in range(1, turns + 1)],
        "images": {},
    }


def fill(store: Store, sessions: int, turns: int) -> None:
    """Put `sessions` short conversations and one of `turns` turns into an empty store."""
    random = Random(20)  # noqa: S311 - the same texts every time
    store.import_(document(random, "long", 0, turns))
    for number in range(sessions):
        store.import_(document(random, f"session {number}", turns + number * 10, 2))


def timed(action: Callable[[], object]) -> float:
    """Return the best of five times, in milliseconds."""
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - start)
    return best * 1000


def measure(directory: Path, sessions: int, turns: int) -> dict[str, float]:
    """Fill a store where that was not done yet, and time it."""
    new = not directory.exists()
    with open_store(directory, now=lambda: datetime.now(UTC)) as store:
        if new:
            start = time.perf_counter()
            fill(store, sessions, turns)
            say(f"filled with {sessions} sessions and {turns} turns in {time.perf_counter() - start:.0f} s\n")

        def opened() -> None:
            open_store(directory, now=lambda: datetime.now(UTC)).close()

        def resumed() -> Session:
            session = store.find("long")
            list(islice(session.lineage(), 5))
            return session

        return {
            "open": timed(opened),
            "sessions()": timed(store.sessions),
            "sessions(100)": timed(lambda: store.sessions(100)),
            "names to complete": timed(lambda: session_names(directory)),
            "find() and the last 5 turns": timed(resumed),
            "shape()": timed(lambda: store.shape(store.find("long"))),
            "tree()": timed(lambda: store.tree(store.find("long"))),
            "the first turn of path()": timed(lambda: next(iter(store.find("long").path()))),
            "all of path()": timed(lambda: sum(1 for _ in store.find("long").path())),
            "search: a common word": timed(lambda: store.search("that")),
            "search: two common words": timed(lambda: store.search("with this")),
            "search: Japanese, common": timed(lambda: store.search("好きな")),
            "search: Japanese, two characters": timed(lambda: store.search("青い")),
            "search: Japanese, one character": timed(lambda: store.search("青")),
            "search: a rare word": timed(lambda: store.search("needle")),
            "search: a rare character": timed(lambda: store.search("針")),
            "search: nowhere": timed(lambda: store.search("haystack")),
            "search: one session": timed(lambda: store.search("好きな", session="session 1")),
        }


def say(text: str) -> None:
    """Write to the terminal at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def main(directory: Path) -> None:
    """Print a line for each thing measured."""
    small = measure(directory / "small", 10, 20)
    large = measure(directory / "large", 10_000, 100_000)
    say(f"{'milliseconds':36}{'small':>10}{'large':>10}\n")
    for name, value in small.items():
        say(f"{name:36}{value:10.2f}{large[name]:10.2f}\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
