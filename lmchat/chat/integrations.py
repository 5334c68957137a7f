"""How people write an integration, and back: `mcp/label`, `mcp/label:tool,tool`, `label=https://url[:tool,tool]`."""

import re

from lmchat.chat.values import EphemeralMcp, Integration, OtherIntegration, Plugin
from lmchat.errors import BadUseError

_TOOLS = r"(?::(?P<tools>[\w.\-]+(?:,[\w.\-]+)*))?"
_PLUGIN = re.compile(rf"(?P<id>[\w.\-]+/[\w.\-/]+){_TOOLS}")
_EPHEMERAL = re.compile(r"(?P<label>[\w.\-]+)=(?P<url>https?://.+)")
_TOOLS_AFTER_URL = re.compile(r"(?P<url>.+?):(?P<tools>[A-Za-z_][\w.\-]*(?:,[A-Za-z_][\w.\-]*)*)")


def parse_integration(spec: str) -> Integration:
    """Read one `--mcp` value; raise BadUseError where it has none of the three forms."""
    if ephemeral := _EPHEMERAL.fullmatch(spec.strip()):
        url, tools = _split_tools(ephemeral["url"])
        return EphemeralMcp(ephemeral["label"], url, tools)
    if plugin := _PLUGIN.fullmatch(spec.strip()):
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
    """Split `https://host:8080/path:tool,tool`; digits after a colon are a port, and `://` is no list of tools."""
    scheme, rest = url.split("://", 1)
    if listed := _TOOLS_AFTER_URL.fullmatch(rest):
        return f"{scheme}://{listed['url']}", _listed(listed["tools"])
    return url, ()


def _listed(tools: str | None) -> tuple[str, ...]:
    return tuple(tools.split(",")) if tools else ()
