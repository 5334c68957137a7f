"""Characters that were torn in two, as damaged names, pastes and JSON (`"\\ud83d"`) bring them.

No disk, terminal or wire takes half of one.
"""


def whole(text: str) -> str:
    """Return text that can be encoded: halves of a character are joined, or replaced where one stands alone."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
