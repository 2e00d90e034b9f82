"""Skiff's figures beside those of dockerd and podman: `make bench`, or `python -m tests.bench`."""
