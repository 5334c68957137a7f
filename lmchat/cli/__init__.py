"""The command line: commands parse, call one thing, show it. The only room that knows typer."""
