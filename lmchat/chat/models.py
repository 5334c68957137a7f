"""What a conversation talks with: models as a server lists them (PROTOCOL.md section 5), and integrations as typed.

An integration is written `mcp/label`, `mcp/label:tool,tool` or `label=https://url[:tool,tool]`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lmchat.advice import Action, Do
from lmchat.dataclass import dataclass, field
from lmchat.errors import BadUseError, LmchatError, NotFoundError, some_of

_MOST_LISTED = 10


@dataclass(frozen=True, slots=True)
class Instance:
    """A loaded copy of a model; `context_length` is in tokens, None where the server does not say."""

    id: str
    context_length: int | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A downloaded model; only `key` and `type` are certain, the rest is empty or None where unknown.

    A `hosted` one runs elsewhere, and the server passes requests on: there is nothing to download or to load.
    """

    key: str
    type: str
    publisher: str = ""
    display_name: str = ""
    architecture: str = ""
    quantization: str = ""
    bits_per_weight: float | None = None
    size_bytes: int | None = None
    params: str = ""
    max_context_length: int | None = None
    format: str = ""
    vision: bool | None = None
    tools: bool | None = None
    reasoning_options: tuple[str, ...] | None = ()
    reasoning_default: str = ""
    variants: tuple[str, ...] = ()
    instances: tuple[Instance, ...] = ()
    hosted: bool = False

    @property
    def chats(self) -> bool:
        """Tell whether one can chat with it; an embedding model cannot."""
        return self.type != "embedding"

    @property
    def usual(self) -> bool:
        """Tell whether it may be chosen where no model is named: what is of another type only answers when named."""
        return self.type in {"llm", ""}


def find_model(models: Sequence[Model], name: str) -> Model | None:
    """Find a model by its key, a variant or the id of a loaded instance; upper and lower case are the same."""
    wanted = name.casefold()
    for model in models:
        if wanted in {each.casefold() for each in _names(model)}:
            return model
    return None


def meant_model(models: Sequence[Model], name: str) -> Model | None:
    """Find a model by a name that `find_model` knows, or else by a part of one that fits no other model.

    Raise NotFoundError where it fits several.
    """
    if found := find_model(models, name):
        return found
    part = name.strip().casefold()
    fitting = [each for each in models if part and any(part in known.casefold() for known in _names(each))]
    if len(fitting) > 1:
        keys = some_of([each.key for each in fitting], _MOST_LISTED)
        raise NotFoundError(f"'{name}' fits several models.", hint=f"Name one: {keys}.")
    return fitting[0] if fitting else None


def name_to_ask(model: Model, name: str) -> str:
    """Return the name that a model is asked for by: a variant or a loaded copy by what was typed, else its key."""
    exact = find_model([model], name) is not None and name.casefold() != model.key.casefold()
    return name if exact else model.key


def _names(model: Model) -> tuple[str, ...]:
    return (model.key, *model.variants, *(instance.id for instance in model.instances))


def pick_model(models: Sequence[Model], recent: Sequence[str] = ()) -> Model | None:
    """Pick the loaded model, or the only downloaded one; None where a person has to choose.

    Of several loaded models the one used last wins (`recent`: keys, newest first), else the one listed first.
    """
    chatting = [model for model in models if model.usual]
    loaded = [model for model in chatting if model.instances]
    if loaded:
        order = {key: place for place, key in reversed(list(enumerate(recent)))}
        return min(loaded, key=lambda model: order.get(model.key, len(order)))
    return chatting[0] if len(chatting) == 1 else None


def by_use(models: Sequence[Model], recent: Sequence[str]) -> list[Model]:
    """Return the models with the one used last first (`recent`: keys, newest first), then those that are loaded."""
    order = {key: place for place, key in reversed(list(enumerate(recent)))}
    return sorted(models, key=lambda model: (order.get(model.key, len(recent)), not model.instances))


def require_sight(models: Sequence[Model], name: str) -> None:
    """Raise BadUseError for a model that is known not to see pictures; where nothing is known, the server decides."""
    model = find_model(models, name)
    if model is None or model.vision is not False:
        return
    seeing = ", ".join(each.key for each in models if each.vision)
    raise BadUseError(f"{model.key} does not see pictures.", hint=f"These do: {seeing}." if seeing else "")


def require_reasoning(models: Sequence[Model], name: str, level: str) -> None:
    """Raise BadUseError for a reasoning level the model is known not to have (PROTOCOL.md section 5)."""
    model = find_model(models, name)
    if model is None or model.reasoning_options is None or level in model.reasoning_options:
        return
    if not model.reasoning_options:
        raise BadUseError(
            f"{model.key} offers no choice of reasoning.", hint=(Do(Action.LIST_MODELS), " says which models do.")
        )
    offered = ", ".join(model.reasoning_options)
    raise BadUseError(f"{model.key} has no reasoning level '{level}'.", hint=f"It offers: {offered}.")


def context_length(models: Sequence[Model], name: str) -> int | None:
    """Return how many tokens fit into the context of a loaded model, None where it is not loaded or not known."""
    model = find_model(models, name)
    if model is None:
        return None
    exact = [each for each in model.instances if each.id.casefold() == name.casefold()]
    for instance in (*exact, *model.instances):
        if instance.context_length is not None:
            return instance.context_length
    return model.max_context_length if model.hosted else None


@dataclass(frozen=True, slots=True)
class DownloadJob:
    """The state of a download; `id` is empty where there is nothing to do. Sizes are in bytes.

    `status` is the server's word: downloading, paused, completed, failed or already_downloaded.
    """

    id: str
    status: str
    downloaded_bytes: int | None = None
    total_size_bytes: int | None = None
    bytes_per_second: float | None = None

    @property
    def over(self) -> bool:
        """Tell whether nothing more will happen by itself."""
        return self.status in {"completed", "failed", "paused", "already_downloaded"}

    @property
    def unknown(self) -> bool:
        """Tell whether the server's word is none that lmchat knows: such a download may never be over."""
        return not self.over and self.status != "downloading"

    def require_success(self) -> None:
        """Raise LmchatError for a download that failed or was paused."""
        if self.status in {"failed", "paused"}:
            raise LmchatError(
                f"The download {'failed' if self.status == 'failed' else 'is paused'}.",
                hint="The server's own log says why; the same command resumes it.",
            )


def chat_offers(models: Sequence[Model]) -> Iterator[tuple[str, str]]:
    """Return the keys of the models that chat, with what they are."""
    return ((model.key, about(model)) for model in models if model.chats)


def instance_offers(models: Sequence[Model]) -> Iterator[tuple[str, str]]:
    """Return the ids of loaded instances, with what they are."""
    return ((instance.id, about(model)) for model in models for instance in model.instances)


def about(model: Model) -> str:
    """Return what a model is, in a few words."""
    return " ".join(filter(None, (model.display_name, model.params, model.quantization)))


def level_offers(models: Sequence[Model]) -> Iterator[tuple[str, str]]:
    """Return the levels of reasoning that models have, and which of them is a model's own."""
    defaults = {model.reasoning_default for model in models}
    levels = dict.fromkeys(level for model in models for level in model.reasoning_options or ())
    return ((level, "the model's own" if level in defaults else "") for level in levels)


@dataclass(frozen=True, slots=True)
class Plugin:
    """An integration that is set up in LM Studio: `mcp/label`."""

    id: str
    allowed_tools: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class EphemeralMcp:
    """An MCP server for one request; headers may contain secrets and are never kept or shown."""

    server_label: str
    server_url: str
    allowed_tools: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class OtherIntegration:
    """An integration of a kind that only a newer lmchat knows: kept, but never sent."""

    kind: str
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)


Integration = Plugin | EphemeralMcp | OtherIntegration


_TOOLS = r"(?::(?P<tools>[\w.\-]+(?:,[\w.\-]+)*))?"
_PLUGIN = rf"(?P<id>[\w.\-]+/[\w.\-/]+){_TOOLS}"
_EPHEMERAL = r"(?P<label>[\w.\-]+)=(?P<url>https?://.+)"
_TOOLS_AFTER_URL = r"(?P<url>.+?):(?P<tools>[A-Za-z_][\w.\-]*(?:,[A-Za-z_][\w.\-]*)*)"


def parse_integration(spec: str) -> Integration:
    """Read one `--mcp` value; raise BadUseError where it has none of the three forms."""
    if ephemeral := re.fullmatch(_EPHEMERAL, spec.strip()):
        url, tools = _split_tools(ephemeral["url"])
        return EphemeralMcp(ephemeral["label"], url, tools)
    if plugin := re.fullmatch(_PLUGIN, spec.strip()):
        return Plugin(plugin["id"], _listed(plugin["tools"]))
    raise BadUseError(
        f"'{re.sub(r'//[^/]*@', '//', spec)}' names no integration.",
        hint="Write mcp/label, mcp/label:tool,tool or label=https://url[:tool,tool].",
    )


def write_integration(integration: Integration) -> str:
    """Write an integration as people type it, without its headers."""
    match integration:
        case Plugin(plugin_id, tools):
            written = plugin_id
        case EphemeralMcp(label, url, tools):
            written = f"{label}={url}"
        case OtherIntegration(kind):
            return f"{kind} (of a newer lmchat)"
    return f"{written}:{','.join(tools)}" if tools else written


def _split_tools(url: str) -> tuple[str, tuple[str, ...]]:
    """Split `https://host:8080/path:tool,tool`; digits after a colon are a port, and `://` is not a list of tools."""
    scheme, rest = url.split("://", 1)
    if listed := re.fullmatch(_TOOLS_AFTER_URL, rest):
        return f"{scheme}://{listed['url']}", _listed(listed["tools"])
    return url, ()


def _listed(tools: str | None) -> tuple[str, ...]:
    return tuple(tools.split(",")) if tools else ()
