"""Dockerfiles: from bytes to typed instructions with their positions. Pure; BuildKit's 1.x language and error texts."""
