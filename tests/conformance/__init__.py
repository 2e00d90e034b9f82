"""The same calls against dockerd and against Skiff: what dockerd answered is kept in golden/, one file a scenario.

`python -m tests.conformance record SOCKET` asks a dockerd, `python -m tests.conformance compare SOCKET` asks any server
and prints where it differs; test_conformance.py does the latter with a Skiff of its own.
"""
