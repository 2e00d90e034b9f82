"""Reading a byte stream in pieces of a known size, while others look on: digests, counters, logs of raw bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

PIECE = 256 * 1024


class Readable(Protocol):
    """What a stream must offer: read up to n bytes, none at its end."""

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes, b"" at the end."""


class Source:
    """A stream with a buffer. Everything read from the stream is shown to each watcher once, in order."""

    def __init__(self, stream: Readable, *watchers: Callable[[memoryview], object]) -> None:
        self._stream = stream
        self._watchers = watchers
        self._buffer = memoryview(b"")
        self.position = 0  # bytes given out

    def up_to(self, n: int) -> memoryview:
        """Return between one and n bytes, none at the end."""
        if not self._buffer:
            self._fill()
        piece = self._buffer[:n]
        self._buffer = self._buffer[n:]
        self.position += len(piece)
        return piece

    def exactly(self, n: int) -> memoryview:
        """Return n bytes, fewer only at the end."""
        piece = self.up_to(n)
        if len(piece) == n:
            return piece
        pieces = [piece]
        missing = n - len(piece)
        while missing and (piece := self.up_to(missing)):
            pieces.append(piece)
            missing -= len(piece)
        return memoryview(b"".join(pieces))

    def peek(self, n: int) -> bytes:
        """Return the next n bytes without taking them, fewer only at the end."""
        while len(self._buffer) < n:
            before = bytes(self._buffer)
            self._buffer = memoryview(b"")
            self._fill()
            if not self._buffer:
                self._buffer = memoryview(before)
                break
            self._buffer = memoryview(before + bytes(self._buffer))
        return bytes(self._buffer[:n])

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes: a source is a stream itself."""
        return bytes(self.up_to(n))

    def _fill(self) -> None:
        data = self._stream.read(PIECE)
        self._buffer = memoryview(data)
        for watcher in self._watchers:
            watcher(self._buffer)


class Pieces:
    """An iterator of pieces as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, n: int, /) -> bytes:
        """Return the next piece, however long it is, b"" at the end."""
        del n
        for piece in self._pieces:
            if piece:
                return piece
        return b""
