"""The REPL: loop, keyboard, slash commands as data. The only room that knows prompt_toolkit."""
