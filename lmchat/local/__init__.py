"""The server on loopback, which speaks LM Studio's protocols: a small model of its own, or another server's."""
