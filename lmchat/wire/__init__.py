"""What servers are sent and what they answer, each in its own API. Only this package imports httpx."""
