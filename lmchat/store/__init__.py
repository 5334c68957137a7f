"""The conversations on disk: the only package that knows their database."""

FILE_NAME = "conversations.db"

SIGNATURE = b"SQLite format 3\0"
"""How every database of SQLite begins."""
