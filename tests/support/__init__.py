"""What tests of several rooms use: servers that play, programs and terminals, stores, worlds, answers and files."""
