"""The REPL: loop, keyboard, slash commands as data. The only package that imports prompt_toolkit."""
