"""The server on loopback, which speaks LM Studio's protocols, over models of this machine or an upstream server."""
