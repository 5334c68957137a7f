"""What tests of several packages use: servers that play, programs and terminals, stores, worlds, answers and files."""
