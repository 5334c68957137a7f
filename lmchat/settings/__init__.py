"""Settings: flags over environment over profile over file over defaults, and where each came from."""

from lmchat.settings.file import settings_path, validate_text
from lmchat.settings.keys import KEYS
from lmchat.settings.layers import Settings, profile_names, read_settings
from lmchat.settings.tokens import Server, read_token, token_source, withheld

__all__ = [
    "KEYS",
    "Server",
    "Settings",
    "profile_names",
    "read_settings",
    "read_token",
    "settings_path",
    "token_source",
    "validate_text",
    "withheld",
]
