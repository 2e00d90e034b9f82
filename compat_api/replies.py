"""What is sent for an answer: a whole one, or the pieces of one that goes on, on a connection."""

from __future__ import annotations

from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, NamedTuple

from compat_api.headers import http_date, response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compat_api.connection import Connection

    Headers = Sequence[tuple[str, str]]


class Reply(NamedTuple):
    """A whole answer; headers are all that there are."""

    status: int
    headers: Headers
    body: bytes

    def send(self, connection: Connection, method: str) -> None:
        """Send it; raises ConnectionResetError when the client has gone."""
        close = [("Connection", "close")] if connection.ends else []
        body = b"" if method == "HEAD" or self.status in (204, 304) else self.body
        line = f"{self.status} {HTTPStatus(self.status).phrase}"
        connection.send(response(line, [*self.headers, *close], body))


class Chunks:
    """A body in chunks, written to the connection itself."""

    def __init__(self, connection: Connection, status: int, headers: Headers) -> None:
        """Send the head."""
        self._connection = connection
        self.status = status
        date = ("Date", http_date(time()))
        close = [("Connection", "close")] if connection.last_answer else []
        whole = [*headers, date, ("Transfer-Encoding", "chunked"), *close]
        connection.send(response(f"{status} {HTTPStatus(status).phrase}", whole))

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send a chunk; raises ConnectionResetError when the client has gone."""
        self._connection.send(b"".join((b"%x\r\n" % len(data), data, b"\r\n")))
        await self._connection.drained()

    async def end(self) -> None:
        """Send the mark of a whole answer."""
        self._connection.send(b"0\r\n\r\n")
        await self._connection.drained()
