"""How one server is spoken to, as far as that is known yet."""

from collections.abc import Callable

from lmchat.chat.values import ResponseId
from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError, ChainLostError
from lmchat.wire.dialect import Dialect, Finding
from lmchat.wire.dialects import DIALECTS, LMSTUDIO
from lmchat.wire.programs import PROGRAMS, UNKNOWN, Program

NOT_KNOWN = "?"
"""Written in place of a program that nothing is known of yet."""


@dataclass(slots=True)
class Route:
    """How a server is spoken to; what is not `settled` may be learned from its answers, and `learned` gets it.

    `program` is None where nothing is known of it yet, `prefix` what the routes of the OpenAI-style dialects begin
    with, `given` the last id that the server gave.
    """

    dialect: Dialect = LMSTUDIO
    keeps: bool = True
    settled: bool = True
    learned: Callable[[Finding], None] | None = None
    prefix: str = ""
    program: Program | None = UNKNOWN
    given: ResponseId | None = None

    @classmethod
    def of(cls, finding: Finding, learned: Callable[[Finding], None] | None = None) -> "Route":
        """Return the route to a server of which this was found out."""
        return cls(
            DIALECTS[finding.api],
            finding.keeps,
            learned=learned,
            prefix=finding.prefix,
            program=PROGRAMS.get(finding.program),
        )

    def learn(self, dialect: Dialect, *, keeps: bool) -> None:
        """Take in what an answer has shown, and hand it on to be remembered."""
        self.dialect, self.keeps, self.settled = dialect, keeps, True
        if self.learned is not None:
            self.learned(Finding(dialect.name, keeps, self.prefix, self.program.name if self.program else NOT_KNOWN))


def stateless() -> ChainLostError:
    """Return the error for an id on a server that keeps nothing."""
    return ChainLostError("This server keeps no conversations.", param="previous_response_id")


def unmanaged() -> BadUseError:
    """Return the error for what only LM Studio's own API can do with models."""
    return BadUseError(
        "This server cannot load, unload or download models.", hint="LM Studio can; here the program that runs it does."
    )
