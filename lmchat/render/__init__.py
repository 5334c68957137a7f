"""What people and scripts see: streaming Markdown, screens, tables, JSON. The only package that imports rich."""
