"""The conversations on disk: the only room that knows their database."""

FILE_NAME = "conversations.db"
