"""Settings: flags over session over environment over profile over file over defaults, and where each came from.

They are kept in one TOML file. It must not know what any of them is used for.
"""

from lmchat.settings.layers import Settings
from lmchat.settings.reading import read_settings
from lmchat.settings.rows import Row
from lmchat.settings.source import McpServer, settings_path, validate_text
from lmchat.settings.table import KEYS, Key
from lmchat.settings.tokens import read_token

__all__ = [
    "KEYS",
    "Key",
    "McpServer",
    "Row",
    "Settings",
    "read_settings",
    "read_token",
    "settings_path",
    "validate_text",
]
