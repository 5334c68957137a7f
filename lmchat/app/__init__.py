"""What `ask` and `talk` share: connecting, conversations, models, sessions, attachments, export and display."""
