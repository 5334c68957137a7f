"""Conversations on disk. The only room that knows the conversations' database."""
