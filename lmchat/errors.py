"""What can go wrong, as one tree.

Every error carries one plain sentence and one hint, and its class fixes the exit code:

    LmchatError                    1
    ├─ BadUseError, SettingsError  2
    ├─ ServerError
    │  ├─ UnreachableError         3
    │  ├─ RefusedError             4   NotAllowedError, ContextOverflowError, ChainLostError
    │  └─ StreamBrokenError        5
    ├─ NotFoundError               6
    ├─ StoreError                  7
    ├─ UnfitReplyError             8
    └─ BugError                   70
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar

from lmchat.advice import COMMAND_LINE, Advice, worded


class ExitStatus(IntEnum):
    """Every exit status of lmchat; README's table is made from this."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> "ExitStatus":
        """Attach the meaning to the number."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "Success; also a pipe that the reader closed."
    FAILURE = 1, "Something else went wrong; the message says what."
    BAD_USE = 2, "The command line, the settings or the prompt (empty) cannot be used."
    UNREACHABLE = 3, "No server answers at that address."
    REFUSED = 4, "The server answered, and refused the request."
    STREAM_BROKEN = 5, "The reply ended before it was complete; what came is kept."
    NOT_FOUND = 6, "There is no such model, session or turn."
    STORE = 7, "The saved conversations cannot be read or written."
    UNFIT = 8, "The reply does not fit the schema of --schema; it is on stdout all the same."
    BUG = 70, "A fault in lmchat itself; `--debug` shows where."
    INTERRUPTED = 130, "Ctrl-C; what came of the reply is kept."


class LmchatError(Exception):
    """An error: what happened in one sentence, and advice on what to do, which the shell and talk word differently."""

    status: ClassVar[ExitStatus] = ExitStatus.FAILURE
    kind: ClassVar[str] = "failure"

    def __init__(self, message: str, *, hint: Advice = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = hint

    @property
    def hint(self) -> str:
        """Return what to do as a sentence, with the names that people type in a shell."""
        return worded(self.advice, COMMAND_LINE)


class BadUseError(LmchatError):
    """A command line or an input that cannot be used."""

    status = ExitStatus.BAD_USE
    kind = "bad_use"


class SettingsError(LmchatError):
    """Settings that cannot be used, with file, line and key where there is one."""

    status = ExitStatus.BAD_USE
    kind = "settings"


class ServerError(LmchatError):
    """Any failure between lmchat and a server."""


class UnreachableError(ServerError):
    """Nothing (or no LM Studio) answers at an address."""

    status = ExitStatus.UNREACHABLE
    kind = "unreachable"


class RefusedError(ServerError):
    """The server answered with an error of its own.

    `error_type`, `code` and `param` are the server's own words (PROTOCOL.md section 2), empty
    if it sent none; `http_status` is 200 for an error inside a stream.
    """

    status = ExitStatus.REFUSED
    kind = "refused"

    def __init__(
        self,
        message: str,
        *,
        hint: Advice = "",
        error_type: str = "",
        code: str = "",
        param: str = "",
        http_status: int = 200,
    ) -> None:
        super().__init__(message, hint=hint)
        self.error_type = error_type
        self.code = code
        self.param = param
        self.http_status = http_status


class ChainLostError(RefusedError):
    """A reply that a prompt was to follow, and that the server does not have (any more)."""


class NotAllowedError(RefusedError):
    """A missing, wrong or insufficient token (401, 403)."""

    kind = "not_allowed"


class ContextOverflowError(RefusedError):
    """The prompt is larger than the model's context."""

    kind = "context_overflow"


class StreamBrokenError(ServerError):
    """A reply that ended too early, or made no sense."""

    status = ExitStatus.STREAM_BROKEN
    kind = "stream_broken"


class NotFoundError(LmchatError):
    """A model, session or turn that does not exist."""

    status = ExitStatus.NOT_FOUND
    kind = "not_found"


class StoreError(LmchatError):
    """Saved conversations that cannot be read or written."""

    status = ExitStatus.STORE
    kind = "store"


class SessionGoneError(StoreError):
    """A session that another program deleted while it was in use."""

    kind = "session_gone"


class UnfitReplyError(LmchatError):
    """A reply that does not have the form that was asked for."""

    status = ExitStatus.UNFIT
    kind = "unfit_reply"


class BugError(LmchatError):
    """A fault of lmchat's own, named by the unexpected exception."""

    status = ExitStatus.BUG
    kind = "bug"

    def __init__(self, name: str) -> None:
        super().__init__(f"lmchat has a bug here ({name}).", hint="`lmchat --debug …` shows where; please report it.")


def system_error(fault: OSError) -> LmchatError:
    """Return the error for a refusal of the operating system, such as a disk that is full."""
    what = f"'{fault.filename}': " if fault.filename else ""
    return LmchatError(
        f"Operating system error: {what}{fault.strerror or fault}.", hint="Check the disk or device, then try again."
    )


def some_of(names: Sequence[str], most: int) -> str:
    """Return the first names in a line, at most so many, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def nearest(name: str, names: list[str]) -> str:
    """Return a hint with the names closest to `name`, empty if none is close."""
    from difflib import get_close_matches

    close = get_close_matches(name, names, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(repr(each) for each in close)}?" if close else ""
