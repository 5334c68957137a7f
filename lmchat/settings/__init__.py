"""Settings: flags over environment over profile over file over defaults, and where each came from.

They are kept in one TOML file. It must not know what any of them is used for.
"""

from lmchat.settings.layers import Settings
from lmchat.settings.reading import read_settings
from lmchat.settings.source import settings_path, validate_text
from lmchat.settings.table import KEYS
from lmchat.settings.tokens import read_token

__all__ = [
    "KEYS",
    "Settings",
    "read_settings",
    "read_token",
    "settings_path",
    "validate_text",
]
