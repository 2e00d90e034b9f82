"""The concurrency run: many clients at once, and whether what each was told is true."""
