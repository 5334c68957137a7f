"""What the server says when it does not do as asked: the bodies and statuses of PROTOCOL.md section 2."""

from typing import Any


class Refusal(Exception):  # noqa: N818  # named after what it is; it is sent, not shown as an error of lmchat
    """An error as it goes over the wire; `details` are its `code` and `param`, null where LM Studio says null."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "invalid_request", **details: str | None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"message": message, "type": kind, **details}


class Overflow(Refusal):
    """A prompt that is larger than the model's context."""


def unknown_model(model: str, examples: list[str]) -> Refusal:
    """Refuse a model that is not on this machine."""
    hint = f"(e.g., {', '.join(examples[:3])}, ...)" if examples else "(none is downloaded yet)"
    message = f'Invalid model identifier "{model}". Please specify a valid downloaded model {hint}.'
    return Refusal(message, status=404, param="model", code="model_not_found")


def lost_chain(response_id: str) -> Refusal:
    """Refuse to follow a response that is not stored, or no longer."""
    return Refusal(
        f"Could not find stored response for previous_response_id '{response_id}'. Please ensure the ID is correct. "
        "Current previous response auto-deletion policy: Responses older than 30 days are automatically deleted.",
        param="previous_response_id",
        code="invalid_value",
    )


def lost_node(response_id: str) -> Refusal:
    """Refuse to follow a response that is not stored, as `/v1/responses` says it (PROTOCOL.md section 6)."""
    return Refusal(
        f"Prediction history node with id '{response_id}' not found while attempting to build chat history chain that "
        "includes this node.",
        param="previous_response_id",
        code="previous_response_not_found",
    )


def overflow() -> Overflow:
    """Refuse a prompt that is larger than the model's context."""
    return Overflow(
        "The number of tokens to keep from the initial prompt is greater than the context length. Try to load the "
        "model with a larger context length, or provide a shorter input",
        status=500,
        kind="internal_error",
        code="unknown",
        param=None,
    )


def no_pictures(model: str) -> Refusal:
    """Refuse pictures for a model that does not see."""
    return Refusal(f"Model '{model}' does not support image inputs.", param="input", code="invalid_value")


def broken(message: str) -> Refusal:
    """Report that the server itself could not do its part."""
    return Refusal(message, status=500, kind="internal_error", code="unknown", param=None)


def engine_failed(message: str) -> Refusal:
    """Report that the engine died, broke off or cannot be started."""
    return Refusal(message, status=500, kind="internal_error", code="engine_failed", param=None)


def no_token() -> Refusal:
    """Refuse a request without a token."""
    return Refusal(
        "An LM Studio API token is required to make requests to this server, but none was provided using the "
        "Authorization header using the 'Bearer' scheme (i.e., 'Authorization: Bearer $LM_API_TOKEN').",
        status=401,
        code="invalid_api_key",
    )


def wrong_token(token: str) -> Refusal:
    """Refuse a token that is not the right one; its first ten characters are echoed, as LM Studio does."""
    return Refusal(
        f"Malformed LM Studio API token provided: {token[:10]}... Ensure you are using a valid token.",
        status=401,
        code="invalid_api_key",
    )


def foreign() -> Refusal:
    """Refuse what another site's page sent, or was sent to another name than this machine's own."""
    return Refusal("Requests from web pages of other sites are not served.", status=403)


def too_large(limit: int) -> Refusal:
    """Refuse a body of more than `limit` bytes."""
    message = f"The request is larger than {limit >> 20} MB."
    return Refusal(message, status=413, code="request_too_large", param=None)
