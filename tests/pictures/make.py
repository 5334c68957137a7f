"""README's pictures, made by the real program: `python -m tests.pictures.make`.

With a directory, `python -m tests.pictures.make DIRECTORY` puts every screen there in every size and look, to look at.
Only the server is played; everything else is lmchat itself.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.pictures import scenes
from tests.pictures.svg import DARK, LIGHT, Frame, Palette, picture, recording
from tests.pictures.terminal import Terminal

HERE = Path(__file__).parent
_TRUE = {"COLORTERM": "truecolor"}
_LIGHT = {**_TRUE, "COLORFGBG": "0;15"}
_REST_SECONDS = 2.0
"""How long the last screen of the recording stays."""

_MINUTE = (
    ("gem", 0.8), ("\r", 3.0), ("How do I say good morning in three languages?", 0.5), ("\r", 4.5),
    ("/undo", 0.6), ("\r", 1.2), ("私の好きな色は青です。", 0.6), ("\r", 2.5), ("/tree", 0.6), ("\r", 1.5),
)  # fmt: skip
"""What is typed in the recording, and how many seconds are watched then."""


@dataclass(frozen=True)
class Scene:
    """A screen: its name and title, what is done, the arguments, and whether sessions or a loaded model are there."""

    name: str
    title: str
    play: Callable[[Terminal], None]
    arguments: tuple[str, ...] = ("talk",)
    loaded: bool = True


SCENES = (
    Scene("first", "lmchat", scenes.first_start, (), loaded=False),
    Scene("talk", "lmchat talk greetings", scenes.conversation, ("talk", "greetings")),
    Scene("sessions", "Ctrl-O in lmchat", scenes.sessions),
)
"""Those that README shows."""
OTHERS = (
    Scene("help", "/help", scenes.helping),
    Scene("set", "/set", scenes.options),
    Scene("complete", "/s", scenes.completing),
    Scene("models", "lmchat models", lambda terminal: terminal.wait(2), ("models",)),
    Scene("list", "lmchat sessions", lambda terminal: terminal.wait(2), ("sessions",)),
    Scene("settings", "lmchat settings", lambda terminal: terminal.wait(2), ("settings",)),
)
LOOKS: Mapping[str, tuple[Mapping[str, str], Palette]] = {
    "dark": (_TRUE, DARK),
    "light": (_LIGHT, LIGHT),
    "sixteen": ({"TERM": "xterm", "COLORTERM": ""}, DARK),
    "nocolor": ({"NO_COLOR": "1"}, LIGHT),
}


def drawn(scene: Scene, look: str, rows: int, columns: int) -> str:
    """Play a scene in a home of its own, and draw what is on the screen."""
    variables, palette = LOOKS[look]
    with tempfile.TemporaryDirectory() as home, scenes.Studio().server as server:
        scenes.fill(Path(home))
        model = () if scene.loaded is False or scene.arguments[0] != "talk" else ("-m", scenes.GEMMA)
        arguments = (*scene.arguments, *model)
        with scenes.program(
            Path(home), server.url, *arguments, rows=rows, columns=columns, looks=variables
        ) as terminal:
            scene.play(terminal)
            return picture(terminal.rows(), scene.title, palette)


def first_minute(palette: Palette, looks: Mapping[str, str]) -> str:
    """Record the first minute on an empty home: pick a model, ask, undo, ask otherwise, look at the tree."""
    frames: list[Frame] = []
    began = time.monotonic()

    def note() -> None:
        rows, cursor = terminal.rows(), terminal.cursor()
        if not frames or (frames[-1].rows, frames[-1].cursor) != (rows, cursor):
            frames.append(Frame(rows, cursor, time.monotonic() - began))

    def watch(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            terminal.wait(0.08)
            note()

    def type_(text: str) -> None:
        for _ in terminal.type(text):
            note()

    with (
        tempfile.TemporaryDirectory() as home,
        scenes.Studio(pause=0.6).server as server,
        scenes.program(Path(home), server.url, rows=26, columns=84, looks=looks) as terminal,
    ):
        terminal.until("Esc leaves")
        began = time.monotonic()
        note()
        watch(1.5)
        for keys, seconds in _MINUTE:
            type_(keys)
            watch(seconds)
    return recording(frames, frames[-1].at + _REST_SECONDS, "lmchat: the first minute", palette)


def main(directory: Path | None) -> None:
    """Make README's pictures, or every screen in every look."""
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        for scene in (*SCENES, *OTHERS):
            for look in LOOKS:
                for rows, columns in ((24, 80), (40, 120)):
                    name = f"{scene.name}-{look}-{columns}x{rows}.svg"
                    (directory / name).write_text(drawn(scene, look, rows, columns), encoding="utf-8")
        return
    for look in ("dark", "light"):
        variables, palette = LOOKS[look]
        for scene in SCENES:
            size = (30, 88) if scene.name == "talk" else (18, 96) if scene.name == "sessions" else (24, 84)
            (HERE / f"{scene.name}-{look}.svg").write_text(drawn(scene, look, *size), encoding="utf-8")
        (HERE / f"minute-{look}.svg").write_text(first_minute(palette, variables), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
