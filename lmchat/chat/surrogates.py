"""Characters that were torn in two, as damaged names, pastes and JSON (`"\\ud83d"`) bring them.

No disk, terminal or wire takes half of one.
"""


def join_surrogates(text: str) -> str:
    """Return text that can be encoded: halves of a character are joined, or replaced where one is alone."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def ends_torn(text: str) -> bool:
    """Tell whether a text ends with the first half of a character."""
    return "\ud800" <= text[-1:] <= "\udbff"


class SurrogateJoiner:
    """A stream of chunks in which characters that were split are whole again; `held` is the half that waits."""

    def __init__(self) -> None:
        self.held = ""

    def feed(self, chunk: str) -> str:
        """Return what can be passed on now."""
        text = self.held + chunk
        self.held = text[-1] if ends_torn(text) else ""
        return join_surrogates(text[: len(text) - len(self.held)])

    def flush(self) -> str:
        """Return what was held back, at the end of the text."""
        text, self.held = self.held, ""
        return join_surrogates(text)
