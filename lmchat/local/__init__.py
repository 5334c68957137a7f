"""The embedded server: a small real model behind LM Studio's protocol. It must not know lmchat's client."""
