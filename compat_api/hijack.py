"""A connection that a handler has taken over from HTTP: raw bytes in both directions, with back-pressure in both.

The client's half-close is an end of input, not of the connection. Made by compat_api.connection; used by handlers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

READ_AHEAD_BYTES = 128 * 1024  # held for the handler; then the client waits


class HijackedConnection:
    """The raw stream. read() and write() may be used by two tasks at once, each by one."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, on_drained: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._on_drained = on_drained
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._eof = False
        self._lost = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._reading_paused = False

    async def read(self) -> bytes:
        """Return the bytes that are there, waiting for the first; b"" when the client will send no more."""
        while not self._chunks:
            if self._eof or self._lost:
                return b""
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        if self._eof:
            self._on_drained()
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data, waiting while the client reads too slowly; raises ConnectionResetError when it has gone."""
        if self._lost:
            raise ConnectionResetError("the client has gone")
        self._transport.write(data)
        if self._writer is not None:
            await self._writer
            if self._lost:
                raise ConnectionResetError("the client has gone")

    def write_eof(self) -> None:
        """Close our writing half: the client sees the end of the output, and may go on sending."""
        if not self._lost and not self._transport.is_closing() and self._transport.can_write_eof():
            self._transport.write_eof()

    def close(self) -> None:
        """Close the connection once all that was written is sent."""
        self._transport.close()

    @property
    def empty(self) -> bool:
        """Whether nothing is left that the client sent."""
        return not self._chunks

    @property
    def lost(self) -> bool:
        """Whether the client has gone altogether."""
        return self._lost

    def feed(self, data: bytes) -> None:
        """Take bytes from the client; the connection calls this."""
        if not data:
            return
        self._chunks.append(data)
        self._size += len(data)
        if self._size >= READ_AHEAD_BYTES and not self._reading_paused and not self._eof:
            self._reading_paused = True
            self._transport.pause_reading()
        self._wake_reader()

    def feed_eof(self) -> None:
        """Note that the client sends no more; the connection calls this."""
        self._eof = True
        self._reading_paused = False
        self._wake_reader()

    def pause_writing(self) -> None:
        """Make writers wait; the connection calls this."""
        if self._writer is None:
            self._writer = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let writers go on; the connection calls this."""
        writer, self._writer = self._writer, None
        if writer is not None and not writer.done():
            writer.set_result(None)

    def connection_lost(self) -> None:
        """Note that the client has gone; the connection calls this."""
        self._lost = True
        self._wake_reader()
        self.resume_writing()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
