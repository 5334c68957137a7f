"""Settings: flags over session over environment over file over defaults, and where each value came from."""
