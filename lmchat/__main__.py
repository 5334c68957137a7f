"""Where errors meet the person."""
