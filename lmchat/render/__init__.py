"""What a person or a script sees: streaming Markdown, screens, tables, JSON, failures. The only room that knows rich."""
