"""The command line: commands parse, call one thing, show it. The only package that imports typer."""
