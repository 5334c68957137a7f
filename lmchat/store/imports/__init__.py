"""Conversations from other programs: one reader a format (`formats` has the table), and one way into our tree."""
