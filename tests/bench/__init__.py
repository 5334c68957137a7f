"""What people wait for, measured: `python -m tests.bench`."""
