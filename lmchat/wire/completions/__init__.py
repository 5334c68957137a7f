"""`POST /v1/chat/completions`, as many servers have it: nothing is kept there."""
