"""LM Studio's own API, beside the description of how it behaves (PROTOCOL.md)."""
