"""What servers are sent and what they answer, each in its own API. No other room knows httpx or the JSON of servers."""
