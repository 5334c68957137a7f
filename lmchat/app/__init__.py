"""What commands do and talk does, too: connecting, conversations, models, attachments, files, imports and display."""
