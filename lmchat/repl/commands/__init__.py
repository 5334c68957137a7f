"""The slash commands: a file for each group, and one table of all of them."""
