"""Streaming Markdown: from text as it arrives to rows, each settled once and exactly."""
