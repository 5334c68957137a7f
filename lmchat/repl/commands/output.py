"""Commands that take replies out of the talk, to the clipboard or to files, or show more of them."""

import json
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from lmchat.app.files import Form, export_session, form_of, place_for, write_text
from lmchat.chat.exchange import kept_words
from lmchat.chat.session import Outcome, Turn
from lmchat.chat.values import InvalidToolCall, Reasoning, ToolCall
from lmchat.errors import BadUseError, NotFoundError
from lmchat.render.history import compared, thought_rows
from lmchat.render.notes import call_note, counted, invalid_call_note, result_note, stats_note
from lmchat.render.text import fitted, sanitize, sanitize_line
from lmchat.repl.clipboard import copy as copy_text
from lmchat.repl.commands.command import (
    Command,
    by_word,
    count,
    first_words,
    nothing,
    offer_file,
    offer_turns,
    one_word,
    required,
    turn_number,
    words,
)
from lmchat.repl.matching import Offer
from lmchat.repl.state import ReplState, context_words
from lmchat.world import path_of

_FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,}|~{3,})(?P<info>[^\n]*)$")
_DEEPER = 3
"""How many more blanks may precede the end of a block than its beginning."""
_BAR = 30


def copy(state: ReplState, text: str) -> ReplState:
    """Copy a reply, or one of its blocks of code."""
    state = state.current()
    first, *rest = words(text) or [""]
    if first == "code":
        wanted = count(rest[0] if rest else "", 1)
        blocks = _code_blocks(_last_answer(state).reply.text)
        if wanted > len(blocks):
            raise BadUseError(_how_many(len(blocks)))
        copied, what = blocks[wanted - 1], f"block {wanted} of {len(blocks)}"
    else:
        turn = _answer_of(state, first)
        copied, what = turn.reply.text, f"the reply of turn {turn.id}"
    if not copied:
        raise BadUseError("There is nothing to copy: the reply is empty.")
    way = copy_text(state.conversation.world, copied)
    state.say(f"Copied {what} ({len(copied):,} characters) with {way}.")
    return state


def save(state: ReplState, text: str) -> ReplState:
    """Write the last reply to a file."""
    path = _target(required(text, "file", "/save answer.md"))
    answer = _last_answer(state.current()).reply.text
    place = place_for(path, ask=state.keyboard.confirmed)
    write_text(place, answer if answer.endswith("\n") else f"{answer}\n")
    state.say(f"The reply is in {place.path}{place.instead}.")
    return state


def export(state: ReplState, text: str) -> ReplState:
    """Write the session to a file: JSON is complete, Markdown and HTML are pleasant to read."""
    state = state.current()
    if state.head is None:
        raise BadUseError("There is nothing to export yet.")
    path = _target(text or f"{state.session.name or 'conversation'}.md".replace("/", "-"))
    if form_of(path) is Form.JSON and not state.kept:
        raise BadUseError(
            "A private conversation is exported as Markdown or HTML only.", hint="/export conversation.md"
        )
    export_session(state.conversation.store, state.session, path, state.say, ask=state.keyboard.confirmed)
    return state


def raw(state: ReplState, text: str) -> ReplState:
    """Show a reply's own text, not rendered."""
    state = state.current()
    reply = _answer_of(state, text).reply.text
    state.write(f"{sanitize(reply).rstrip()}\n")
    return state


def think(state: ReplState, text: str) -> ReplState:
    """Unfold what the model thought before a reply."""
    state = state.current()
    turn = _answer_of(state, text)
    thoughts = [item for item in turn.reply.items if isinstance(item, Reasoning)]
    if not thoughts:
        raise NotFoundError(f"Turn {turn.id} has no reasoning.")
    for thought in thoughts:
        state.write("".join(f"{row}\n" for row in thought_rows(thought, state.theme, state.width)))
    return state


def diff(state: ReplState, text: str) -> ReplState:
    """Compare the replies of two turns."""
    state = state.current()
    first, *rest = words(required(text, "turn to compare", "/diff 6 7"))
    one = state.session.turn(turn_number(first))
    other = _answer_of(state, rest[0] if rest else "")
    state.write("".join(f"{row}\n" for row in compared(one, other, state.theme, state.width)))
    return state


def stats(state: ReplState, text: str) -> ReplState:
    """Show what the server measured in the last turn."""
    nothing(text)
    state = state.current()
    turn = _last_answer(state)
    measured = stats_note(turn.reply.stats, context_length=state.context()[1])
    kept = _kept(state, turn) if turn.outcome is Outcome.COMPLETE else ""
    numbers = " · ".join(filter(None, [measured or "the server sent no numbers", kept]))
    line = f"Turn {turn.id}, {sanitize_line(turn.model)}: {numbers}"
    state.write(f"{fitted(line, state.conversation.world.stdout, state.conversation.world.environ)}\n")
    return state


def context(state: ReplState, text: str) -> ReplState:
    """Show how full the context is, and who keeps the conversation."""
    nothing(text)
    state = state.current()
    if not state.known.now():
        state.known.fetched()
    used, holds = state.context()
    if used is not None and holds:
        filled = min(round(used / holds * _BAR), _BAR)
        bar = f"{'█' * filled}{'░' * (_BAR - filled)} " if state.theme.lines else ""
        state.write(f"{bar}{used:,} of {holds:,} tokens ({used / holds:.0%})\n")
    elif used is not None:
        state.write(f"{context_words(used, None)}; how many fit is not known: the model is not loaded.\n")
    else:
        fit = f"; {holds:,} fit" if holds else ""
        state.write(f"How many tokens are used is known after the next reply{fit}.\n")
    conversation = state.conversation
    keeps = conversation.client.route.keeps and conversation.private is None
    unsent = state.session.unsent(conversation.server if keeps else None)
    state.write(f"Earlier turns are {kept_words(None if keeps else len(unsent), used)}.\n")
    if keeps and unsent:
        state.say(f"As text with the next prompt: {counted(len(unsent), 'turn')}.")
    return state


def _kept(state: ReplState, turn: Turn) -> str:
    """Say who kept what was said before a turn: a server that keeps nothing gave it no id."""
    stats = turn.reply.stats
    sent = None if turn.reply.response_id else len(state.session.moved(turn.parent).unsent(None))
    return kept_words(sent, stats.input_tokens)


def tool(state: ReplState, text: str) -> ReplState:
    """Show a tool call of the last reply in full."""
    state = state.current()
    calls = _last_answer(state).reply.tool_calls
    number = count(text, 1)
    if number > len(calls):
        raise NotFoundError(
            f"The last reply made {counted(len(calls), 'tool call')}." if calls else "It called no tool."
        )
    state.write(_whole_call(calls[number - 1]))
    return state


def _code_blocks(text: str) -> list[str]:
    """Return the fenced blocks of code in a Markdown text, without their fences and the indentation of a list."""
    blocks: list[str] = []
    opened, indent, lines = "", 0, list[str]()
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        marks = fence["marks"] if fence else ""
        if not opened and fence and not (marks[0] == "`" and "`" in fence["info"]):
            opened, indent, lines = marks, len(fence["indent"]), []
        elif opened and fence and _closes(fence, opened, indent):
            blocks.append("".join(f"{each}\n" for each in lines))
            opened = ""
        elif opened:
            lines.append(line[:indent].lstrip(" ") + line[indent:])
    if opened and lines:  # a reply that was cut short
        blocks.append("".join(f"{each}\n" for each in lines))
    return blocks


def _closes(fence: re.Match[str], opened: str, indent: int) -> bool:
    deeper = len(fence["indent"]) - indent
    return fence["marks"].startswith(opened) and deeper <= _DEEPER and not fence["info"].strip()


def _whole_call(call: ToolCall | InvalidToolCall) -> str:
    match call:
        case ToolCall(_, arguments):
            asked = json.dumps(dict(arguments), ensure_ascii=False, indent=2)
            return sanitize(f"{call_note(call.tool, None)} {asked}\n\n{result_note(call)}\n")
        case InvalidToolCall():
            return sanitize(f"{invalid_call_note(call)}\n")


def _how_many(blocks: int) -> str:
    return (
        f"The last reply has {counted(blocks, 'block')} of code." if blocks else "The last reply has no block of code."
    )


def _answer_of(state: ReplState, text: str) -> Turn:
    """Return the turn whose number was typed, without one the newest that has a reply."""
    return state.session.turn(turn_number(text)) if text else _last_answer(state)


def _last_answer(state: ReplState) -> Turn:
    """Return the newest turn that has a reply; one that failed before anything came has none."""
    for turn in islice(state.session.lineage(), 2):
        if turn.reply.items:
            return turn
    raise BadUseError("There is no reply yet.")


def _target(text: str) -> Path:
    return path_of(text.strip("'\""))


def _copy_offers(state: ReplState, typed: Sequence[str]) -> Iterable[Offer]:
    """Offer turns, and after `code` the blocks of the last reply."""
    if len(typed) == 1:
        return [("code", "A block of code of the last reply."), *offer_turns(state)]
    if typed[0] != "code" or len(typed) > len(("code", "number")):
        return []
    blocks = _code_blocks(state.head.reply.text) if state.head else []
    return [(str(number), first_words(block)) for number, block in enumerate(blocks, 1)]


COMMANDS = (
    Command(
        "copy",
        "[n or code [k]]",
        "Copy the last reply, a turn's, or a block of its code.",
        copy,
        by_word(_copy_offers),
        more="/copy 3 copies the reply of turn 3, /copy code 2 the second block of code in the last reply.",
    ),
    Command("save", "FILE", "Write the last reply to a file.", save, offer_file),
    Command("export", "[FILE]", "Write the session to a .md, a .html or a complete .json file.", export, offer_file),
    Command("raw", "[n]", "Show the last reply's own text, or a turn's.", raw, one_word(offer_turns)),
    Command(
        "think", "[n]", "Show what the model thought before the last reply, or a turn's.", think, one_word(offer_turns)
    ),
    Command(
        "diff",
        "TURN [TURN]",
        "Compare a turn's reply with another, or the last.",
        diff,
        by_word(lambda state, typed: offer_turns(state) if len(typed) <= 2 else ()),
    ),
    Command("stats", "", "Show tokens, speed and times of the last turn.", stats),
    Command("context", "", "Show how full the context is, and who keeps the conversation.", context),
    Command("tool", "[n]", "Show a tool call of the last reply in full.", tool),
)
