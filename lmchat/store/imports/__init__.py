"""Conversations from other programs: a reader for each format (`adoption` has the table), and one way into our tree."""
