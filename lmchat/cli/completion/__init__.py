"""Completion scripts: one table made of the typer app, and for each shell the few lines that read it."""
