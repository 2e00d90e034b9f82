"""What clients should never send, made at random from a seed: `python -m tests.fuzz` for long, a short form in CI."""
