"""Loading httpx without its command line."""

import sys


def load_httpx() -> None:
    """Import httpx, so that a plain `import httpx` costs nothing afterwards.

    httpx's own `__init__` tries to import its command line, which imports click and, through it, rich and more
    where click is installed: some 20 to 50 ms for nothing. httpx expects that click may be missing.
    """
    if "httpx" in sys.modules:
        return
    hide = "click" not in sys.modules
    if hide:
        sys.modules["click"] = None  # type: ignore[assignment]  # the documented way to make an import fail
    try:
        import httpx  # noqa: F401 - imported for those who import it next
    finally:
        if hide:
            del sys.modules["click"]
