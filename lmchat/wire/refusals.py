"""Servers' refusals as the errors of `lmchat.errors` (PROTOCOL.md section 2, Refusals).

Each is one sentence followed by the server's own words, and one hint that a person can act on.
"""

import re
from collections.abc import Callable
from urllib.parse import urljoin

from lmchat.advice import Action, Advice, Do
from lmchat.dataclass import dataclass
from lmchat.errors import (
    ChainLostError,
    ContextOverflowError,
    LmchatError,
    NotAllowedError,
    NotFoundError,
    RefusedError,
)
from lmchat.wire.faults import BUILT_IN, NOT_LM_STUDIO, Complaint, complaint_of, read_complaint
from lmchat.wire.http import MODELS, Call, Head
from lmchat.wire.redaction import redact

_LONGEST_URL = 500

_TOKEN = "Put the server's token into LM_API_TOKEN; LM Studio makes tokens in its server settings."  # noqa: S105 - a hint
_NO_ROUTE = "Let lmchat find out what it has (`--api auto`), or name another API or address."
_KEY_ELSEWHERE = (
    "Name its key beside its address: token_env or token_command in the settings (a server on this machine, or one "
    "that --url names, gets LM_API_TOKEN)."
)


def refusal(head: Head, body: bytes, call: Call) -> LmchatError:
    """Return the error for an answer that refuses (PROTOCOL.md section 2, Refusals)."""
    if 300 <= head.status < 400:
        return _redirect(head, call)
    complaint = read_complaint(head.status, body, call.secrets)
    if complaint.names("model_not_found", "job_not_found") or _names_no_model(complaint):
        error = _judge(complaint, call)
        return NotFoundError(error.message, hint=error.advice)
    if _names_nothing(complaint, call):
        return NotFoundError(
            f"The server knows no model or download of that name: {complaint.message}",
            hint=(Do(Action.LIST_MODELS), " lists what it has."),
        )
    return _judge(complaint, call)


def stream_refusal(data: object, call: Call) -> RefusedError:
    """Return the error for an `error` event in a stream."""
    return _judge(complaint_of(200, data, call.secrets), call)


def _names_no_model(complaint: Complaint) -> bool:
    """Tell whether a refusal is about the model: Ollama, vLLM and LiteLLM say so in words only."""
    in_words = re.search(r"model .{1,200} (not found|does not exist)|invalid model name", complaint.message.lower())
    return in_words is not None and complaint.status in {400, 404} and complaint.param not in {"input", "reasoning"}


def foreign(error: LmchatError) -> bool:
    """Tell whether an error says that the server does not have the API that was used."""
    return isinstance(error, RefusedError) and error.hint in {NOT_LM_STUDIO, _NO_ROUTE}


def unknown_chain(error: ChainLostError) -> bool:
    """Tell whether the server looked for the reply and no longer has it: so it does keep some."""
    return error.http_status in {404, 500} or error.code == "previous_response_not_found"


def loading(error: LmchatError) -> bool:
    """Tell whether the server is still loading its model."""
    return isinstance(error, RefusedError) and error.http_status == 503 and "loading model" in error.message.lower()


def _names_nothing(complaint: Complaint, call: Call) -> bool:
    """Tell whether a 404 is about what was named, not about the route (llama.cpp's error for that has code 404).

    Bodies of the 404s of load, unload and status are not known (PROTOCOL.md section 5).
    """
    known_route = complaint.structured and complaint.code != "404" and not complaint.says("unexpected endpoint")
    return complaint.status == 404 and call.path.startswith(f"{MODELS}/") and known_route


def _redirect(head: Head, call: Call) -> RefusedError:
    try:
        target = urljoin(call.url, head.location) if head.location else "nowhere"
    except ValueError:
        target = repr(head.location)
    target = redact(target[:_LONGEST_URL], call.secrets)
    return RefusedError(
        f"{call.address.url} redirects to {target}, and lmchat follows no redirects.",
        hint="If that is your server, name it with `--url`.",
        http_status=head.status,
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a kind of complaint means, and what a person can do.

    `elsewhere` is the hint where the program is not LM Studio, `built_in` where the server is lmchat's own, if those
    are others.
    """

    applies: Callable[[Complaint], bool]
    sentence: str
    hint: Advice | Callable[[Complaint], Advice]
    kind: type[RefusedError] = RefusedError
    elsewhere: Advice = ""
    built_in: str = ""


def _judge(complaint: Complaint, call: Call) -> RefusedError:
    rule = next(rule for rule in _RULES if rule.applies(complaint))
    sentence = rule.sentence
    if complaint.status == 401 and not call.address.authorization:
        sentence = "The server wants an API token, and none is set"
    if rule.elsewhere == _NO_ROUTE and not call.native:
        sentence = f"The server has no route {call.path}"
    if complaint.message:
        sentence = f"{sentence}: {complaint.message}"
    else:
        sentence = f"{sentence} (HTTP {complaint.status})." if complaint.status >= 300 else f"{sentence}."
    hint = rule.elsewhere if rule.elsewhere and not call.native else rule.hint
    hint = hint(complaint) if callable(hint) else hint
    return rule.kind(
        sentence,
        hint=rule.built_in or hint if call.built_in else hint,
        error_type=complaint.type,
        code=complaint.code,
        param=complaint.param,
        http_status=complaint.status,
    )


def _unknown_keys(complaint: Complaint) -> str:
    keys = ", ".join(re.findall(r"'([^']+)'", complaint.message))
    return f"Leave out {keys or 'that option'}, or update LM Studio."


def _unsupported(complaint: Complaint) -> str:
    """Name the options as LiteLLM lists them, by lmchat's names."""
    _, _, listed = complaint.message.partition("parameters:")
    names = re.findall(r"'([^']+)'", listed.partition("]")[0])
    known = {"reasoning_effort": "reasoning", "max_tokens": "max_output_tokens"}
    return f"Leave out {', '.join(known.get(name, name) for name in names) or 'that option'} for this model."


def _reasoning_levels(complaint: Complaint) -> Advice:
    _, _, listed = complaint.message.partition("Supported settings:")
    levels = ", ".join(re.findall(r"'([^']+)'", listed))
    if levels:
        return ("Choose one of these with ", Do(Action.SET_OPTION, "reasoning"), f": {levels}.")
    return (
        "Leave it out (",
        Do(Action.UNSET_OPTION, "reasoning"),
        "); ",
        Do(Action.LIST_MODELS),
        " shows which models have it.",
    )


# In the words of LM Studio, llama-server, vLLM, SGLang, LiteLLM, OpenAI, Anthropic, Google and Hugging Face's TGI.
_OVERFLOWS = (
    "context length", "exceed_context_size", "context size", "context window", "contextwindow", "max_model_len",
    "n_ctx", "prompt is too long", "maximum model length", "input token count", "max_new_tokens` must be",
)  # fmt: skip

_RULES = (
    _Rule(
        lambda it: (
            it.param == "previous_response_id"
            or it.names("previous_response_not_found")
            or (it.param == "response_id" and it.status == 404)  # vLLM
            # llama-server; LM Studio's damaged store; vLLM of all versions
            or it.says("previous_response_id", "prediction history node", "response with id")
        ),
        "The server no longer has the reply that this prompt follows",
        "The conversation is kept here: ask again, and it is sent as text.",
        ChainLostError,
    ),
    _Rule(
        lambda it: it.names("model_not_found") or _names_no_model(it),
        "The server has no such model",
        (Do(Action.LIST_MODELS), " lists what is downloaded; ", Do(Action.DOWNLOAD_MODEL), " adds to it."),
        elsewhere=(Do(Action.LIST_MODELS), " lists what it has."),
    ),
    _Rule(
        lambda it: it.names("job_not_found"),
        "The server has no such download",
        (Do(Action.LIST_MODELS), " lists what is there."),
    ),
    _Rule(
        lambda it: it.status == 403 and (it.param == "integrations" or it.says("plugin", "mcp")),
        "The server does not allow this integration",
        "In LM Studio's server settings turn on 'Allow calling servers from mcp.json' (for mcp/LABEL) or 'Allow "
        "per-request MCPs' (for a URL); an API token needs the permission too.",
        NotAllowedError,
    ),
    _Rule(
        # LiteLLM looks for a key that it does not know in its database, which few gateways have.
        lambda it: it.status == 401 or it.names("invalid_api_key", "no_db_connection"),
        "The server does not accept the API token",
        _TOKEN,
        NotAllowedError,
        elsewhere=_KEY_ELSEWHERE,
        built_in=BUILT_IN,
    ),
    _Rule(
        lambda it: it.status == 403,
        "The server does not allow this",
        "Give the token in LM_API_TOKEN this permission in LM Studio's server settings.",
        NotAllowedError,
        "Check what the token is allowed to do there.",
    ),
    _Rule(
        lambda it: it.names("plugin_connection_error", "mcp_connection_error"),
        "The server cannot connect to an integration",
        "Compare the name with LM Studio's mcp.json (it is written mcp/LABEL), and check that the MCP server runs.",
    ),
    _Rule(
        lambda it: it.names("unrecognized_keys"),
        "The server does not know an option of this request",
        _unknown_keys,
    ),
    _Rule(
        lambda it: it.says("unsupportedparamserror"),
        "The model does not have an option of this request",
        _unsupported,
    ),
    _Rule(
        lambda it: it.says("max_tokens", "max_completion_tokens", "max_output_tokens") and it.says("too large"),
        "The limit of output tokens is larger than the model's context",
        ("Lower it: ", Do(Action.SET_OPTION, "max_output_tokens N"), "."),
    ),
    _Rule(
        lambda it: it.param == "reasoning",
        "The model does not have this reasoning setting",
        _reasoning_levels,
    ),
    _Rule(
        lambda it: (
            (it.names("exceed_context_size_error", "context_length_exceeded") or it.says(*_OVERFLOWS))
            and it.param != "context_length"
        ),
        "The prompt is larger than the model's context",
        ("Shorten it, or load the model with more: ", Do(Action.LOAD_MODEL), "."),
        ContextOverflowError,
        "Shorten it, go on in talk with /compact, or start the server with a larger context.",
    ),
    _Rule(
        lambda it: it.says("jinja", "prompt template", "prompttemplate", "chat template"),
        "The model's own prompt template refuses this conversation",
        "Try without a system prompt, or with another model.",
    ),
    _Rule(
        lambda it: it.says("image", "vision") and it.says("support"),
        "The model does not take images",
        (Do(Action.LIST_MODELS), " marks the models that do."),
    ),
    _Rule(
        lambda it: it.says("unexpected endpoint") or it.status in {404, 405, 501},
        "The server does not have LM Studio's REST API",
        NOT_LM_STUDIO,
        elsewhere=_NO_ROUTE,
    ),
    _Rule(lambda it: it.status == 413, "The request is too large for the server", "Send smaller images or less text."),
    _Rule(lambda it: it.status in {408, 425, 429, 503}, "The server is busy", "Wait a moment and ask again."),
    _Rule(
        lambda it: it.status in {502, 504},
        "The gateway in front of the server gets no answer from it",
        "Check that LM Studio is running there.",
        elsewhere="Check that the server it passes requests to is running.",
        built_in=BUILT_IN,
    ),
    _Rule(
        lambda it: it.names("engine_failed"),
        "The built-in model failed",
        "Ask again: it is loaded again. If memory is short, close other programs.",
    ),
    _Rule(
        lambda it: it.status >= 500 or it.names("internal_error", "unknown"),
        "The server failed at this request",
        "LM Studio's log says more (`lms log stream`); loading the model again often helps.",
        elsewhere="Its own log says more; `--debug` shows what was sent.",
        built_in=BUILT_IN,
    ),
    _Rule(lambda it: it.status >= 300, "The server refused the request", "`--debug` shows what was sent."),
    _Rule(lambda _it: True, "The server reports an error", "Ask again, or choose another model."),
)
