"""What is sent for an answer: a whole one, or the pieces of one that goes on, on a connection."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from time import time
from typing import TYPE_CHECKING

from compat_api.headers import http_date, response, status_line
from compat_api.pieces import finish
from engine.off_loop import off_loop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from compat_api.connection import Connection

    Headers = Sequence[tuple[str, str]]


class Reply:
    """A whole answer; headers are all that there are."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def send(self, connection: Connection, method: str) -> None:
        """Send it; raises ConnectionResetError when the client has gone."""
        close = [("Connection", "close")] if connection.ends else []
        body = b"" if method == "HEAD" or self.status in (204, 304) else self.body
        connection.send(response(status_line(self.status), [*self.headers, *close], body))


class Chunks:
    """A body in chunks, written to the connection itself."""

    def __init__(self, connection: Connection, status: int, headers: Headers, *, at_once: bool = True) -> None:
        """Send the head, at once or with the first bytes of the body."""
        self._connection = connection
        self.status = status
        self._over = False
        date = ("Date", http_date(time()))
        close = [("Connection", "close")] if connection.last_answer else []
        whole = [*headers, date, ("Transfer-Encoding", "chunked"), *close]
        self._head = response(status_line(status), whole)
        if at_once:
            self._send(b"")

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send a chunk; raises ConnectionResetError when the client has gone."""
        self._send(b"".join((b"%x\r\n" % len(data), data, b"\r\n")))
        await self._connection.drained()

    async def write_last(self, data: bytes) -> None:
        """Send what is left of the body, and the mark of a whole answer."""
        self._over = True
        self._send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n")
        await self._connection.drained()

    async def pour(self, pieces: Iterator[bytes]) -> None:
        """Send what an iterator gives, from one thread that runs it and writes to the socket itself, then close it.

        The loop is spared each piece of a large archive. Raises what the iterator raises, and ConnectionError.
        """
        self._send(b"")
        outlet = _Outlet(await self._connection.lend())
        try:
            await off_loop(outlet.pour, pieces)
        finally:
            outlet.stop()

    async def end(self) -> None:
        """Send the mark of a whole answer, if it has not been sent."""
        if not self._over:
            await self.write_last(b"")

    def _send(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if head or data:
            self._connection.send(head + data)


class _Outlet:
    """A connection's socket, written to by a thread while the loop leaves it alone."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._done = False

    def pour(self, pieces: Iterator[bytes]) -> None:
        """Send each piece as a chunk; blocks while the client reads too slowly."""
        try:
            for piece in pieces:
                if piece:
                    self._send([memoryview(b"%x\r\n" % len(piece)), memoryview(piece), memoryview(b"\r\n")])
        finally:
            self._done = True
            self._socket.close()
            finish(pieces)

    def stop(self) -> None:
        """Make the thread end, for nobody waits for it any more; without effect when it has."""
        if not self._done:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _send(self, parts: list[memoryview]) -> None:
        while parts:
            try:
                sent = self._socket.sendmsg(parts)
            except BlockingIOError:
                waiting = select.poll()
                waiting.register(self._socket, select.POLLOUT)
                waiting.poll()
                continue
            while parts and sent >= len(parts[0]):
                sent -= len(parts.pop(0))
            if parts:
                parts[0] = parts[0][sent:]
