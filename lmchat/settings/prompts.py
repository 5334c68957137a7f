"""The person's own prompts and roles: text files beside the settings, with a few lines of front matter.

`prompts/commit.md` is `/commit` and `ask -p commit`, `roles/terse.md` is `-S :terse`. Front matter is between two lines
of `---` at the beginning: `key: value` lines, blank lines and comments (`#`), nothing else of YAML.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path

from lmchat.chat.values import Options
from lmchat.dataclass import dataclass, field
from lmchat.errors import NotFoundError, SettingsError, nearest
from lmchat.settings.file import file_text
from lmchat.settings.keys import OPTIONS
from lmchat.settings.shapes import misfit


class Kind(Enum):
    """What a file is for, by the directory it is in."""

    PROMPT = "prompts"
    ROLE = "roles"

    @property
    def noun(self) -> str:
        """Return the word for one."""
        return self.value.removesuffix("s")


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt or a role; `model` and `options` are those of a prompt's own requests."""

    name: str
    path: Path
    text: str
    description: str = ""
    model: str = ""
    options: Options = field(default_factory=Options)

    @property
    def about(self) -> str:
        """Return its description, or else its first words, in a line."""
        return " ".join((self.description or self.text[:200]).split())


_SUFFIX = ".md"
_FENCE = "---"
_PLACE = re.compile(r"\{\{\s*(input|args)\s*\}\}")


def prompt_names(settings: Path, kind: Kind) -> dict[str, Path]:
    """Return the files of a kind beside the settings file by their names; they are not opened."""
    try:
        found = sorted((settings.parent / kind.value).iterdir(), key=lambda path: path.name.casefold())
    except OSError:
        return {}
    return {name: path for path in found if path.suffix == _SUFFIX and (name := name_of(path.stem))}


def read_prompt(settings: Path, kind: Kind, name: str) -> PromptFile:
    """Read the prompt or role of that name; `settings` is the path of the settings file.

    Raise NotFoundError if there is none, SettingsError with file and line for a flaw in it.
    """
    names = prompt_names(settings, kind)
    wanted = name_of(name)
    if not wanted or wanted not in names:
        where = settings.parent / kind.value / f"{wanted or 'NAME'}{_SUFFIX}"
        known = f"Available: {', '.join(names)}." if names else f"It would be in {where}."
        raise NotFoundError(f"There is no {kind.noun} '{name}'.", hint=nearest(wanted, [*names]) or known)
    return _parsed(wanted, names[wanted], kind)


def read_all(settings: Path, kind: Kind) -> Iterator[PromptFile | SettingsError]:
    """Read every file of a kind; for one with a flaw, yield the error that says what is wrong."""
    for name, path in prompt_names(settings, kind).items():
        try:
            yield _parsed(name, path, kind)
        except SettingsError as error:
            yield error


def filled_in(prompt: PromptFile, arguments: str, given: str) -> str:
    """Return the prompt with the words of the command line, and the piped or attached text, in their places.

    Without a place for the words, they begin the text; without a place for the text, it follows the prompt.
    """
    places = set(_PLACE.findall(prompt.text))
    if "args" not in places:
        arguments, given = "", "\n\n".join(part for part in (arguments, given) if part)
    values = {"args": arguments, "input": given}
    text = _PLACE.sub(lambda found: values[found[1]], prompt.text)
    return text if "input" in places or not given else f"{text}\n\n{given}"


def name_of(stem: str) -> str:
    """Return the normalized form of a name, empty if it cannot be typed as one word."""
    name = unicodedata.normalize("NFC", stem).casefold()
    return name if name.isprintable() and not re.search(r"\s|^[.\-/:@]", name) else ""


def _parsed(name: str, path: Path, kind: Kind) -> PromptFile:
    text = file_text(path)
    if text is None:
        raise SettingsError(f"{path} no longer exists.")
    lines = text.replace("\r\n", "\n").split("\n")
    given: dict[str, tuple[int, str]] = {}
    if lines[0].rstrip() == _FENCE:
        end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
        if end is None:
            raise SettingsError(
                f"{path}, line 1: the front matter that begins here has no end.", hint=f"Write {_FENCE} below it."
            )
        for number, line in enumerate(lines[1:end], 2):
            if line.strip() and not line.lstrip().startswith("#"):
                key, value = _member(path, number, line, kind)
                if key in given:
                    raise SettingsError(f"{path}, line {number}: '{key}' is set twice.")
                given[key] = number, value
        lines = lines[end + 1 :]
    body = "\n".join(lines).strip("\n")
    if not body.strip():
        raise SettingsError(f"{path} has no text.", hint=f"Write the {kind.noun} into it.")
    values = {key: value for key, (_, value) in given.items()}
    return PromptFile(name, path, body, values.get("description", ""), values.get("model", ""), _options(path, given))


def _member(path: Path, number: int, line: str, kind: Kind) -> tuple[str, str]:
    """Read one line of front matter; raise SettingsError, which names the line, for anything else."""
    known = ["description"] if kind is Kind.ROLE else ["description", "model", *OPTIONS]
    key, colon, value = line.partition(":")
    key, value = key.strip(), value.strip()
    if not colon:
        raise SettingsError(f"{path}, line {number}: this is not 'key: value'.", hint="Like this: temperature: 0.2")
    if key not in known:
        hint = nearest(key, known) or f"Known: {', '.join(known)}."
        raise SettingsError(f"{path}, line {number}: '{key}' cannot be set in a {kind.noun}.", hint=hint)
    if len(value) > 1 and value[0] in "'\"" and value[0] == value[-1]:
        value = value[1:-1]
    return key, value


def _options(path: Path, given: Mapping[str, tuple[int, str]]) -> Options:
    values: dict[str, object] = {}
    for key, (number, text) in given.items():
        if key not in OPTIONS:
            continue
        values[key] = OPTIONS[key].shape.read(text)
        if wrong := misfit(OPTIONS[key].shape, values[key]):
            raise SettingsError(f"{path}, line {number}: '{key}' {wrong}.")
    return Options(**values)  # type: ignore[arg-type]  # they fit their shapes
