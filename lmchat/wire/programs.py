"""Server programs behind the OpenAI-style routes: which options each calls by another name, or drops in silence.

Which program answers is known by what it lists (`detection`), never by a product's name alone.
"""

from collections.abc import Mapping

from lmchat.chat.exchange import ChatRequest
from lmchat.chat.values import Options
from lmchat.dataclass import dataclass, field, replace
from lmchat.errors import BadUseError

Names = Mapping[str, str | None]
"""Options by lmchat's names, with the program's own; None: it drops this option without a word."""


@dataclass(frozen=True, slots=True)
class Program:
    """One server program; `options` says by dialect which options differ there.

    `chains` is False where an id must not be followed on the stateful route, whatever the server says of it.
    """

    name: str
    options: Mapping[str, Names] = field(default_factory=dict)
    chains: bool = True


_PENALTY: Names = {"repeat_penalty": "repetition_penalty"}
_OLLAMA: Names = {"top_k": None, "min_p": None, "repeat_penalty": None}

UNKNOWN = Program("")
LM_STUDIO = Program("LM Studio")
LLAMA_SERVER = Program("llama-server", chains=False)
OLLAMA = Program("Ollama", {"completions": _OLLAMA, "responses": {**_OLLAMA, "presence_penalty": None}}, chains=False)
VLLM = Program("vLLM", {"completions": _PENALTY, "responses": {**_PENALTY, "min_p": None}})
# Its store replaces earlier answers by the instructions.
SGLANG = Program("SGLang", {"completions": _PENALTY}, chains=False)
LITELLM = Program("LiteLLM")
OPENROUTER = Program("OpenRouter", {"completions": _PENALTY, "responses": _PENALTY}, chains=False)

PROGRAMS: Mapping[str, Program] = {
    each.name: each for each in (UNKNOWN, LM_STUDIO, LLAMA_SERVER, OLLAMA, VLLM, SGLANG, LITELLM, OPENROUTER)
}

DIFFERING = frozenset(name for program in PROGRAMS.values() for names in program.options.values() for name in names)
"""The options for which it matters which program answers."""


def adapted(request: ChatRequest, program: Program, dialect: str) -> ChatRequest:
    """Return a request with its options by the program's names; raise BadUseError for one that it would drop."""
    names = program.options.get(dialect, {})
    given = request.options.given()
    dropped = [name for name in given if names.get(name, name) is None]
    if dropped:
        raise BadUseError(
            f"{program.name} has no option {' or '.join(repr(name) for name in dropped)} on this route, "
            "and would pass it over in silence.",
            hint="Leave it out for this server.",
        )
    return replace(request, options=Options(**{names.get(name) or name: value for name, value in given.items()}))
