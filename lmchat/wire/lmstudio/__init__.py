"""LM Studio's native REST API: what is asked, and what is answered (PROTOCOL.md in this folder)."""
