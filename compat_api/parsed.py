"""Requests that aiohttp reads: those whose bodies come in pieces or without a length, and all that is odd.

aiohttp is imported with this module, when the first such request comes.
"""

from __future__ import annotations

import asyncio
from time import time
from typing import TYPE_CHECKING, Any, cast

from compat_api.headers import http_date
from compat_api.lean_aiohttp import (
    BaseRequest,
    HttpVersion10,
    HttpVersion11,
    RequestHandler,
    Response,
    Server,
    StreamResponse,
)
from compat_api.log import logger
from compat_api.problems import TruncatedBody
from compat_api.replies import Reply

if TYPE_CHECKING:
    from compat_api.connection import Connection
    from compat_api.dispatch import Dispatcher
    from compat_api.replies import Headers

BODY_BUFFER_BYTES = 256 * 1024  # twice that much is read ahead of a slow handler
LINE_BYTES = 128 * 1024  # of a head; Go's limit is for the whole of it
KEEP_ALIVE_SECONDS = 10 * 365 * 86400.0  # an idle connection ends with the server, not before


def make_server(dispatcher: Dispatcher) -> Server:
    """Return what aiohttp's side of all connections has in common."""

    async def handle(http: BaseRequest) -> StreamResponse:
        """Answer one request, whatever happens."""
        parsed = cast(Parsed, http.protocol)
        connection = parsed.connection
        parsed.break_off(http)
        reply = await dispatcher.answer(http, connection)
        if isinstance(reply, Reply):
            response: StreamResponse = _response(reply)
        else:
            response = Finished() if reply is None else cast(StreamResponse, reply)
        if connection.ends:
            response.force_close()
        return response

    return Server(handle, handler_cancellation=True)


class Parsed(RequestHandler):
    """aiohttp's side of a connection: fed by compat_api.connection, answering on the transport itself."""

    def __init__(self, connection: Connection, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            auto_decompress=False,
            tcp_keepalive=False,
            read_bufsize=BODY_BUFFER_BYTES,
            max_line_size=LINE_BYTES,
            max_field_size=LINE_BYTES,
        )
        self.connection = connection
        self._mid_request = False

    def data_received(self, data: bytes) -> None:
        """Take bytes from the connection; aiohttp calls this, too, with none, to go on parsing."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._mid_request = False
            self.connection.head_has_come()
        elif data and self._current_request is None and not self._messages:
            self._mid_request = True
            if self._request_count and not self.is_idle():
                return  # the rest of a body that nobody reads
            self.connection.head_begins(len(data))

    def is_idle(self) -> bool:
        """Tell whether no request is in progress; the beginning of one does not count."""
        waiter = self._waiter  # there while aiohttp waits for the next request, and then only
        return waiter is not None and not waiter.done() and not self._messages

    def at_rest(self) -> bool:
        """Tell whether the next byte is a request's first, and nothing is in progress."""
        return self.is_idle() and not self._mid_request and not self._force_close and not self._close

    def is_last(self) -> bool:
        """Tell whether no request waits behind the one in progress."""
        return not self._messages

    def break_off(self, request: BaseRequest | None = None) -> None:
        """Fail the reading of a body that will never be complete; to be called when a request begins, too."""
        request = request or self._current_request
        if request is not None and self.connection.half_closed and not request.content.is_eof():
            request.content.set_exception(TruncatedBody())
            self._lingering_time = 0.0  # aiohttp would wait for the rest

    def take_tail(self) -> bytes:
        """Return the bytes behind a request for an upgrade."""
        tail, self._message_tail = getattr(self, "_message_tail", b""), b""
        return tail

    def handle_error(
        self, request: BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> StreamResponse:
        """Answer what could not be read as HTTP, or a failure of aiohttp's own; aiohttp calls this."""
        if isinstance(exc, ConnectionError):
            raise exc  # the client has gone
        if status >= 500:
            logger.error("Unexpected failure of the connection", exc_info=exc)
        else:
            logger.info("Refused what is no HTTP request: %.300s", " ".join(str(exc).split()))
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        if type(exc).__name__ == "LineTooLong" or "Too many" in str(exc):
            status = 431
        self.connection.refuse(status)
        return Finished()


def refusal(http: BaseRequest) -> int:
    """Return the status with which a request is refused that is none of HTTP as it is served here, 0 for others."""
    if http.version not in (HttpVersion10, HttpVersion11):
        return 505 if http.version > HttpVersion10 else 400
    return 501 if http.headers.get("Transfer-Encoding", "chunked").lower() != "chunked" else 0


async def begin_stream(http: BaseRequest, status: int, headers: Headers, *, close: bool = False) -> StreamResponse:
    """Send the head of an answer that is written piece by piece, in chunks for whoever speaks HTTP/1.1."""
    labelled = any(name == "Content-Type" for name, _ in headers)
    response = StreamResponse(status=status) if labelled else Unlabelled(status=status)
    _fill(response, [*headers, ("Date", http_date(time()))])
    if http.version >= HttpVersion11:
        response.enable_chunked_encoding()
    if close:
        response.force_close()
    await response.prepare(http)
    await response.write(b"")  # older aiohttp keeps the head until the first write
    _flush_head(response)
    return response


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


def _response(reply: Reply) -> StreamResponse:
    """Return a whole answer as aiohttp sends it."""
    response = Response(status=reply.status, body=reply.body)
    response.headers.popall("Content-Type", None)
    _fill(response, reply.headers)
    return response


def _fill(response: StreamResponse, headers: Headers) -> None:
    """Set the headers in this order; aiohttp adds none of its own to those that are there."""
    for name, value in headers:
        response.headers[name] = value


def _flush_head(response: StreamResponse) -> None:
    """Send a head that aiohttp holds back to send it with the first bytes of the body."""
    writer = getattr(response, "_payload_writer", None)
    send = getattr(writer, "send_headers", None)
    if send is not None:
        send()
