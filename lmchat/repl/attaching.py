"""What goes with a prompt besides its words: pictures and text files, from commands, mentions and dragged paths."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lmchat.app.attachments import LARGEST_QUOTED, is_picture, picture, quoted_file
from lmchat.chat.models import require_sight
from lmchat.chat.values import Image, Prompt
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, LmchatError
from lmchat.render.notes import counted, size_words
from lmchat.repl.line import mentions, sent
from lmchat.repl.state import Quoted, ReplState

_MOST_NAMED = 5


def with_pictures(state: ReplState, read: Sequence[tuple[Image, str]]) -> ReplState:
    """Attach pictures to the next prompt, and say what was changed in them and how to drop them."""
    for each, note in read:
        if note:
            state.say(note)
        state.say(f"{_described(each)} is sent with the next prompt; /image off drops it.")
    return replace(state, images=(*state.images, *(image for image, _ in read)))


def with_files(state: ReplState, paths: Sequence[Path]) -> ReplState:
    """Quote text files in the next prompt, and say how to drop them."""
    added = _quoted(state, paths)
    names, verb = ", ".join(each.name for each in added), "is" if len(added) == 1 else "are"
    state.say(f"{names} {verb} sent with the next prompt; /file off drops {'it' if len(added) == 1 else 'them'}.")
    return replace(state, files=(*state.files, *added))


def attach(state: ReplState, paths: Sequence[Path]) -> ReplState:
    """Attach files to the next prompt, each as what it is; raise BadUseError where the model does not see pictures."""
    seen = [path for path in paths if is_picture(path)]
    if seen:
        check_sight(state)
        state = with_pictures(state, [picture(path) for path in seen])
    others = [path for path in paths if path not in seen]
    return with_files(state, others) if others else state


def prompt_of(state: ReplState, line: str) -> Prompt:
    """Return the prompt of a line: its words, what is attached, and the files it mentions, which are named.

    Raise BadUseError for a mentioned file that is missing, is no text, or is a picture the model does not see.
    """
    found, told, left_out = mentions(line), list[str](), list[str]()
    named = [path for mention in found if not mention.pattern for path in mention.files]
    fitting = [path for mention in found if mention.pattern for path in mention.files]
    paths = list(dict.fromkeys([*named, *fitting]))
    read: list[tuple[Image, str]] = []
    files: list[Quoted] = []
    for path, name in zip(paths, _names(paths), strict=True):
        try:
            if is_picture(path):
                check_sight(state)
                read.append(picture(path))
                told.append(_described(read[-1][0]))
            else:
                files.append(_quoted_as(state, path, name))
                told.append(f"{name} ({size_words(path.stat().st_size)})")
        except BadUseError as error:
            if path in named:  # what only fits a pattern is left out instead
                raise
            left_out.append(f"{name} ({error.message.removesuffix('.')})")
        _check_size(files)
    notes = [note for _, note in read if note]
    said = [f"{what}: {_listed(names)}." for what, names in (("Sent with it", told), ("Left out", left_out)) if names]
    for sentence in (*said, *notes):
        state.say(sentence)
    text = "\n\n".join(filter(None, [sent(line), *(file.text for file in (*state.files, *files))]))
    return Prompt(text, (*state.images, *(image for image, _ in read)))


def check_sight(state: ReplState) -> None:
    """Refuse pictures for a model that is known not to see; where nothing is known, the server decides."""
    models = state.known.now()
    if not models:
        with suppress(LmchatError):
            models = state.known.fetched()
    require_sight(models, state.model)


def _quoted(state: ReplState, paths: Sequence[Path]) -> list[Quoted]:
    added: list[Quoted] = []
    for path, name in zip(paths, _names(paths), strict=True):
        added.append(_quoted_as(state, path, name))
        _check_size(added)
    return added


def _quoted_as(state: ReplState, path: Path, name: str) -> Quoted:
    return Quoted(name, quoted_file(path, state.say, name=name))


def _names(paths: Sequence[Path]) -> list[str]:
    """Name files by their last part, and those that share it by their path."""
    shared = Counter(path.name for path in paths)
    return [path.name if shared[path.name] == 1 else str(path) for path in paths]


def _check_size(files: Sequence[Quoted]) -> None:
    if sum(len(file.text) for file in files) > LARGEST_QUOTED:
        raise BadUseError(
            f"These {len(files)} files are too large to be quoted together: they have more than "
            f"{LARGEST_QUOTED // (1024 * 1024)} MB.",
            hint="Name fewer.",
        )


def _listed(named: Sequence[str]) -> str:
    more = len(named) - _MOST_NAMED
    return ", ".join(named[:_MOST_NAMED]) + (f" and {counted(more, 'more file')}" if more > 0 else "")


def _described(image: Image) -> str:
    return f"{image.name} ({image.width} × {image.height}, {size_words(len(image.data))})"
