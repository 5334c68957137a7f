"""The words of a command line in the order that the parser wants, and what is wrong with them.

People write options wherever they think of them: before the command, between its words, after the prompt. Those of
lmchat itself go to the front, all others after the command; without a command they are those of `talk`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from lmchat.advice import in_shell
from lmchat.cli.meant import meant_commands, meant_options
from lmchat.dataclass import dataclass, field
from lmchat.errors import BadUseError

_HELP = ("--help", "-h")
_TALKING = ("talk", "ask")
_OPTION = re.compile(r"--?[A-Za-z]")
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Given:
    """One option as it was typed: its words, and its name; several names where letters are written together (`-cq`)."""

    words: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def value(self) -> str:
        """Return what was given with it, empty where nothing was."""
        return self.words[1] if len(self.words) > 1 else self.words[0].partition("=")[2]


@dataclass(slots=True)
class CommandLine:
    """A command line taken apart: the command, the options of lmchat itself, and all else in the order it came.

    `words` are what is neither an option nor the name of a command; what follows `--` is not among them.
    """

    command: Any
    path: tuple[str, ...] = ()
    general: list[Given] = field(default_factory=list)
    own: list[Given] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    literal: bool = False

    @property
    def commands(self) -> Mapping[str, Any]:
        """Return the commands that may follow."""
        return getattr(self.command, "commands", {})


def parsed(root: Any, arguments: Sequence[str]) -> CommandLine:
    """Take a command line apart, whatever is wrong with it; `root` is the outermost command."""
    line, waiting = CommandLine(root), list(arguments)
    known, general = _reachable(root, root), _own(root).keys() - set(_HELP)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            line.literal, line.rest = True, [*line.rest, word, *waiting]
            break
        if word.startswith("-") and word != "-":
            option = _option(word, waiting, known)
            if set(option.names) <= general - (_own(line.command).keys() if line.path else set()):
                line.general.append(option)
            else:
                line.own.append(option)
                line.rest += option.words
        elif word in line.commands and not line.words:
            line.command, line.path = line.commands[word], (*line.path, word)
            known = _reachable(root, line.command)
        else:
            line.words.append(word)
            line.rest.append(word)
    return line


def arranged(root: Any, arguments: Sequence[str]) -> list[str]:
    """Return the words in the order the parser wants; raise BadUseError, which names what is meant, for a mistake."""
    line = parsed(root, arguments)
    _refuse_options(root, line)
    if line.words and line.commands:
        raise _no_command(root, line)
    if line.path[:1] in {("ask",), ("talk",)} and line.words == ["help"] and not line.literal:
        name = line.path[0]
        raise BadUseError(
            f"lmchat {name} takes 'help' for itself.",
            hint=f"`lmchat help {name}` explains the command; the word itself is: lmchat {name} -- help",
        )
    path = line.path
    if not path and any(not set(option.names) <= set(_HELP) for option in line.own):
        path = ("talk",)
    front = [word for option in line.general for word in option.words]
    return [*front, *path, *line.rest]


def _option(word: str, waiting: list[str], known: Mapping[str, bool]) -> Given:
    """Read an option, taking its value from the words that wait."""
    name, equals, _ = word.partition("=")
    if word.startswith("--"):
        names, wants = [name], known.get(name, False) and not equals
    else:
        names, wants = [], False
        for place, letter in enumerate(word[1:], 2):
            names.append(f"-{letter}")
            if known.get(names[-1], False):
                wants = place == len(word)
                break
            if names[-1] not in known:
                break
    return Given((word, waiting.pop(0)) if wants and waiting else (word,), tuple(names))


def _own(command: Any) -> dict[str, bool]:
    """Return the options of a command, and which of them take a value."""
    options = [each for each in command.params if each.param_type_name == "option"]
    own = {name: not each.is_flag for each in options for name in (*each.opts, *each.secondary_opts)}
    return own | dict.fromkeys(_HELP, False)


def _reachable(root: Any, command: Any) -> dict[str, bool]:
    """Return the options that may be meant where a command was named: its own, lmchat's, those of commands below it."""
    below = getattr(command, "commands", {})
    order = sorted(below, key=lambda name: name not in _TALKING)
    reachable = _own(command)
    for options in (_own(root), *(_reachable(root, below[name]) for name in order)):
        reachable = options | reachable
    return reachable


def _refuse_options(root: Any, line: CommandLine) -> None:
    """Raise BadUseError for an option that there is not, and for a prompt that is taken for one."""
    if (line.command.context_settings or {}).get("ignore_unknown_options"):
        return
    known = _own(root) | _own(line.command if line.path else line.commands["talk"])
    takes_words = not line.path or any(each.param_type_name == "argument" for each in line.command.params)
    for option in line.own:
        word = option.words[0]
        if takes_words and _is_prompt(word, known):
            where = " ".join(("lmchat", *(line.path or ("ask",))))
            raise BadUseError(
                f"'{_short(word)}' begins with a dash, as options do.",
                hint=f"Put -- before it: {where} -- {in_shell(_short(word))}",
            )
        name = next((each for each in option.names if each not in known), "")
        if len(word) > 2 and not word.startswith("--") and _is_long(word, known):
            name = word.partition("=")[0]
        if name:
            raise _no_option(root, line, name, known)


def _is_prompt(word: str, known: Mapping[str, bool]) -> bool:
    """Tell whether a word that begins with a dash is a prompt: it has blanks, or no letter, where options have none."""
    if not _OPTION.match(word):
        return True
    head, *more = word.split(None, 1)
    if not more:
        return False
    if head.startswith("--"):
        return "=" not in head
    # A value may follow its letter directly, blanks and all: -S"Be brief."
    return len(head) == len("-x") or not known.get(head[:2], False)


def _is_long(word: str, known: Mapping[str, bool]) -> bool:
    """Tell whether one dash is written before a name that needs two: -model would be -m with the value odel."""
    name = f"-{word.partition('=')[0]}"
    return name in known or bool(meant_options(name, known, guess=False)) or word[:2] not in known


def _no_option(root: Any, line: CommandLine, name: str, known: Mapping[str, bool]) -> BadUseError:
    wanted = name if name.startswith("--") or len(name) <= len("-x") else f"-{name}"
    surely = [wanted] if wanted in known else meant_options(wanted, known, guess=False)
    elsewhere = [path for path, command in _every(root) if wanted in _own(command)]
    if not surely and elsewhere:
        hint = f"It is an option of `lmchat {elsewhere[0]}`."
    elif meant := surely or meant_options(wanted, known):
        hint = _did_you_mean(meant)
    else:
        hint = f"`{' '.join(('lmchat', *line.path))} --help` shows how it is used."
    return BadUseError(f"No such option: {name}.", hint=hint)


def _no_command(root: Any, line: CommandLine) -> BadUseError:
    word, *more = line.words
    meant = [] if " " in word.strip() else meant_commands(line.path, word, [path for path, _ in _every(root)])
    ways = [_did_you_mean([f"lmchat {each}" for each in meant])] if meant else []
    if not meant and (more or " " in word.strip()) and not line.path:
        ways = [f"To ask it: lmchat ask {in_shell(_short(' '.join(line.words)))}"]
    elif not meant:
        ways = [f"`{' '.join(('lmchat', *line.path))} --help` lists the commands."]
        if not line.path:
            ways.append('To ask something: lmchat ask "…"')
    return BadUseError(f"There is no command '{_short(' '.join((*line.path, word)))}'.", hint=" ".join(ways))


def _did_you_mean(names: Sequence[str]) -> str:
    return f"Did you mean {' or '.join(repr(each) for each in names)}?"


def _every(root: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in getattr(root, "commands", {}).items():
        here = f"{path} {name}".strip()
        yield here, command
        yield from _every(command, here)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


_PLAINER = (
    (r"Got unexpected extra argument\(s\) \((.*)\)", r"Unexpected argument '\1'"),
    (r"a valid int\b( range)?", "a whole number"),
    (r"a valid float\b( range)?", "a number"),
    (r"in the range (-?\d+)<=x<=(-?\d+)", r"from \1 to \2"),
    (r"in the range x>=(-?\d+)", r"\1 or more"),
)
"""What in typer's sentences is written for programmers, and what it says to others."""


def explained(error: typer.TyperException, path: Sequence[str]) -> BadUseError:
    """Return typer's usage error as one sentence; its hint says where to read on about the command at `path`."""
    message = error.format_message()
    for theirs, plainer in _PLAINER:
        message = re.sub(theirs, plainer, message)
    message = message if message.endswith((".", "?")) else f"{message}."
    return BadUseError(message, hint=f"`{' '.join(('lmchat', *path))} --help` shows how it is used.")


@dataclass(frozen=True, slots=True)
class ErrorStyle:
    """How the errors of a command line are wanted: as JSON on stdout or as text, and in which colours."""

    as_json: bool = False
    color: str = ""
    debug: bool = False


def error_style(root: Any, arguments: Sequence[str]) -> ErrorStyle:
    """Find out how the errors of a command line are wanted, whatever is wrong with the rest of it."""
    line = parsed(root, arguments)
    given = {name: option.value for option in (*line.general, *line.own) for name in option.names}
    return ErrorStyle(bool(given.keys() & {"--json", "--jsonl"}), given.get("--color", ""), "--debug" in given)
