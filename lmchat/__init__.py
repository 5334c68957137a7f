"""lmchat: a terminal chat client for LM Studio's stateful API.

Kept free of imports, so that `lmchat --version` costs nothing.
"""

__version__ = "0.1.0"
