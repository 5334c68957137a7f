"""LM Studio's REST API: client, codec, faults. The only room that knows httpx, URLs and the API's JSON."""
