"""Choosing one of several with the keyboard: a model, a session, a turn of it."""
