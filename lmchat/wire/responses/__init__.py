"""`POST /v1/responses`: role-tagged messages, and on some servers a memory."""
