"""Servers: what is sent to them and what they answer, in the API of each; the only room that knows httpx and their JSON."""
