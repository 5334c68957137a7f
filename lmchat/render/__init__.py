"""What people and scripts see: streaming Markdown, screens, tables, JSON. The only room that knows rich."""
