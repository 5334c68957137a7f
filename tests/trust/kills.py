"""Programs that are killed at any moment, or write at the same time: what was asked is there afterwards."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lmchat.store import FILE_NAME
from tests.support.conversation import opened
from tests.support.program import MODELS
from tests.support.scripted import Request, ScriptedServer, Steps, answer, stream
from tests.trust.forking import KILLED, Lmchat, loaded_program
from tests.trust.section import Section

_WORD = b'data: {"type":"message.delta","content":"word "}\n\n'
_END = (
    b'data: {"type":"chat.end","result":{"model_instance_id":"tiny","output":[{"type":"message","content":"%s"}],'
    b'"response_id":"resp_1"}}\n\n'
)


@contextmanager
def slow_server(words: int = 20, pause: float = 0.02) -> Iterator[tuple[ScriptedServer, set[str]]]:
    """Answer with some words, one after another; yield the server and the prompts that it was asked so far."""
    asked: set[str] = set()

    def served(request: Request) -> Steps:
        if request.method == "GET":
            return answer(200, MODELS)
        # A recap of earlier turns may be in front of it.
        asked.add(str(request.json["input"]).rsplit(maxsplit=1)[-1])
        text = b"word " * words
        return stream(*(step for _ in range(words) for step in (_WORD, pause)), _END % text.strip())

    with ScriptedServer(served) as server:
        yield server, asked


def run_kills(lmchat: Lmchat, home: Path, kills: int, seed: int = 3) -> Section:
    """Kill `ask` again and again; no turn that was answered, and no prompt that a server was sent, may be missing."""
    section, chance = Section("kills"), random.Random(seed)  # noqa: S311 - the same moments each time
    answered: set[str] = set()
    with slow_server() as (server, sent):
        for number in range(kills):
            prompt = f"prompt-{number}"
            arguments = ("--url", server.url, "ask", "-s", f"s{number % 3}", "-m", "tiny", prompt)
            ended = lmchat(*arguments, home=home, kill_after=chance.uniform(0.0, 0.9))
            if ended.status == 0:
                answered.add(prompt)
            fault = "" if ended.status in {0, KILLED} else f"{prompt}: status {ended.status}: {ended.stderr[-200:]}"
            section.saw(ended.peak, fault)
        kept = _kept(home, section)
        missing = {prompt for prompt, whole in ((each, each in kept) for each in sent | answered) if not whole}
        cut = {prompt for prompt in answered if kept.get(prompt, "").split() != ["word"] * 20}
    section.losses = len(missing | cut)
    section.faults += [f"{prompt} is missing or cut" for prompt in sorted(missing | cut)]
    checked = lmchat("sessions", "check", home=home)
    if checked.status:
        section.faults.append(f"sessions check: {checked.stdout[-300:]}")
    return section


def run_processes(home: Path, processes: int, turns: int) -> Section:
    """Ask in one session from several programs at once; every turn must be there, once."""
    section = Section(f"{processes} processes × {turns} turns")
    with slow_server(words=2, pause=0.001) as (server, _):

        def ask(number: int) -> None:
            with loaded_program() as lmchat:
                for turn in range(turns):
                    arguments = ("--url", server.url, "ask", "-s", "shared", "-m", "tiny", f"prompt-{number}-{turn}")
                    ended = lmchat(*arguments, home=home, seconds=120)
                    section.saw(ended.peak, "" if ended.status == 0 else f"status {ended.status}: {ended.stderr}")

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(processes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    kept = _kept(home, section)
    wanted = {f"prompt-{number}-{turn}" for number in range(processes) for turn in range(turns)}
    section.losses = len(wanted - kept.keys())
    section.faults += [f"{prompt} is missing" for prompt in sorted(wanted - kept.keys())]
    return section


def _kept(home: Path, section: Section) -> dict[str, str]:
    """Return every prompt that is kept with its reply; one that is kept twice is a fault."""
    kept: dict[str, str] = {}
    if not (home / FILE_NAME).exists():
        return kept
    with opened(home) as store:
        for name in store.names():
            for turn in store.find(name).turns.values():
                if turn.prompt.text in kept:
                    section.faults.append(f"{turn.prompt.text} is kept twice")
                kept[turn.prompt.text] = turn.reply.text
    return kept
