"""Answers that are written piece by piece: progress, events, logs, archives."""

from __future__ import annotations

from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, Any

from compat_api.go_json import dumps_escaped
from compat_api.headers import http_date, response
from compat_api.lean_aiohttp import HttpVersion11, StreamResponse

if TYPE_CHECKING:
    from compat_api.connection import Connection
    from compat_api.lean_aiohttp import BaseRequest

Headers = tuple[tuple[str, str], ...]


class Chunks:
    """A body in chunks, written to the connection itself."""

    def __init__(self, connection: Connection, status: int, headers: Headers) -> None:
        """Send the head."""
        self._connection = connection
        self.status = status
        date = ("Date", http_date(time()))
        close = [("Connection", "close")] if connection.last_answer else []
        whole = [*headers, date, ("Transfer-Encoding", "chunked"), *close]
        self._connection.send(response(f"{status} {HTTPStatus(status).phrase}", whole))

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send a chunk; raises ConnectionResetError when the client has gone."""
        self._connection.send(b"".join((b"%x\r\n" % len(data), data, b"\r\n")))
        await self._connection.drained()

    async def end(self) -> None:
        """Send the mark of a whole answer."""
        self._connection.send(b"0\r\n\r\n")
        await self._connection.drained()


class Stream:
    """The body of an answer whose head is out. Writing waits while the client reads too slowly."""

    def __init__(self, response: StreamResponse | Chunks) -> None:
        self.response = response

    @classmethod
    async def begin(cls, http: BaseRequest, status: int, headers: Headers, *, close: bool = False) -> Stream:
        """Send the head to a request of aiohttp's; the body is chunked for whoever speaks HTTP/1.1."""
        labelled = any(name == "Content-Type" for name, _ in headers)
        response = StreamResponse(status=status) if labelled else Unlabelled(status=status)
        fill_headers(response, [*headers, ("Date", http_date(time()))])
        if http.version >= HttpVersion11:
            response.enable_chunked_encoding()
        if close:
            response.force_close()
        await response.prepare(http)
        await response.write(b"")  # older aiohttp keeps the head until the first write
        stream = cls(response)
        stream._flush_head()
        return stream

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; raises ConnectionResetError when the client has gone."""
        if data:
            await self.response.write(data)

    async def line(self, value: Any) -> None:
        """Send a value as one line of JSON, as Go's encoder writes it by default."""
        await self.write((dumps_escaped(value) + "\n").encode(errors="replace"))

    async def progress(self, *values: Any) -> None:
        """Send values as dockerd sends messages about progress: JSON, each ended by CR LF."""
        await self.write("".join(dumps_escaped(value) + "\r\n" for value in values).encode(errors="replace"))

    async def error(self, message: str) -> None:
        """Send an error as dockerd does when the head is out already."""
        await self.progress({"errorDetail": {"message": message}, "error": message})

    def _flush_head(self) -> None:
        """Send a head that aiohttp holds back to send it with the first bytes of the body."""
        writer = getattr(self.response, "_payload_writer", None)
        send = getattr(writer, "send_headers", None)
        if send is not None:
            send()


class Unlabelled(StreamResponse):
    """An answer without a content type, for which aiohttp has no word."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall("Content-Type", None)


class Finished(StreamResponse):
    """Stands for an answer that has been sent already, by a handler that took the connection over."""

    def __init__(self) -> None:
        super().__init__()
        self.force_close()

    async def prepare(self, request: BaseRequest) -> Any:
        """Send nothing."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send nothing."""


def fill_headers(response: StreamResponse, headers: list[tuple[str, str]]) -> None:
    """Set the headers in this order; aiohttp adds none of its own to those that are there."""
    for name, value in headers:
        response.headers[name] = value
