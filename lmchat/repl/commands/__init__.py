"""The slash commands: grouped by idea, gathered in one table."""
