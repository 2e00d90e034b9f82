"""Bytes on their way from the loop, which downloads them, to a thread, which unpacks them: a bounded number ahead."""

from __future__ import annotations

import asyncio
import threading
from collections import deque

AHEAD = 4 << 20  # bytes that wait for the thread; then the download waits


class Feed:
    """A stream with two ends: put and end on the loop, read in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._room.set()
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._waiting = 0  # bytes in _pieces
        self._ended = False
        self._error: Exception | None = None

    async def put(self, data: bytes) -> None:
        """Hand bytes over; waits while too many wait."""
        with self._changed:
            self._pieces.append(data)
            self._waiting += len(data)
            if self._waiting >= AHEAD:
                self._room.clear()
            self._changed.notify()
        await self._room.wait()

    def end(self, error: Exception | None = None) -> None:
        """Let the reader see the end, or this error, once it has what was put before."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()

    def read(self, n: int, /) -> bytes:
        """Return a piece of up to n bytes, b"" at the end; blocks. Raises what the download failed with."""
        with self._changed:
            while not self._pieces and not self._ended:
                self._changed.wait()
            if not self._pieces:
                if self._error is not None:
                    raise self._error
                return b""
            piece = self._pieces.popleft()
            if len(piece) > n:
                self._pieces.appendleft(piece[n:])
                piece = piece[:n]
            self._waiting -= len(piece)
            if self._waiting <= AHEAD // 2 and not self._room.is_set():
                self._loop.call_soon_threadsafe(self._room.set)
        return piece
