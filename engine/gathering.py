"""Joining small pieces of a stream, so that headers of a few bytes do not travel one by one. Pure."""

from __future__ import annotations

from collections.abc import Iterator

PIECE = 256 * 1024  # bytes that are worth handing from a thread to a loop


def gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Give the same bytes in pieces of at least PIECE, but for the last."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(held)
            held.clear()
            size = 0
    if held:
        yield b"".join(held)
