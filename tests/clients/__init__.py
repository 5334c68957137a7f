"""Programs that others wrote, as clients of `lmchat serve`: each is installed into an environment of its own."""
