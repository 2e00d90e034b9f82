"""One client's connection: aiohttp's HTTP protocol, with what dockerd's clients need on top.

 - A request that has come whole and plain (compat_api.whole_request), as nearly all do, is served without aiohttp,
   which is not even begun before there is something else.
 - A request that may take the connection over (attach, exec start) is followed by raw bytes, which must not be
   parsed as HTTP: they are held back until the handler has decided.
 - A client that closes only its writing half still gets its answer; one that has gone cancels its handler.
 - A connection can be asked to end without losing a request that is on its way (see quiesce).

Made by compat_api.server for every accepted socket.
"""

from __future__ import annotations

import asyncio
import fcntl
import select
import socket
import struct
import termios
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import TYPE_CHECKING

from compat_api.hijack import HijackedConnection
from compat_api.lean_aiohttp import BaseRequest, RequestHandler, Server, StreamResponse
from compat_api.log import logger
from compat_api.problems import TruncatedBody
from compat_api.stream import Finished
from compat_api.whole_request import WholeRequest, read_whole

if TYPE_CHECKING:
    from compat_api.access.tls import Decrypted
    from compat_api.activity import Activity

BODY_BUFFER_BYTES = 256 * 1024  # twice that much is read ahead of a slow handler
HELD_BYTES = 256 * 1024  # of raw bytes that came before the handler decided; more wait in the kernel
LINE_BYTES = 128 * 1024  # of a head; Go's limit is for the whole of it
HEAD_SECONDS = 300.0  # until a head has come that has begun, as with dockerd
WHOLE_HEAD_BYTES = 512 * 1024
HEAD_BYTES = 64 * 1024  # of a request's head; longer ones are left to aiohttp to refuse
TAKEN_OVER_BODY_BYTES = 1024 * 1024
TAKEN_OVER_READ_BYTES = 128 * 1024
KEEP_ALIVE_SECONDS = 10 * 365 * 86400.0  # an idle connection ends with the server, not before


# What serves a whole request: it answers on the connection itself.
ServeWhole = Callable[[WholeRequest, "Connection"], Coroutine[None, None, None]]

REFUSED = b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n%s"


class Connection(RequestHandler):
    """The protocol of one connection."""

    def __init__(
        self,
        manager: Server,
        activity: Activity,
        loop: asyncio.AbstractEventLoop,
        decrypted: Decrypted | None = None,
        serve_whole: ServeWhole | None = None,
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            auto_decompress=False,
            tcp_keepalive=False,
            read_bufsize=BODY_BUFFER_BYTES,
            max_line_size=LINE_BYTES,
            max_field_size=LINE_BYTES,
        )
        self.peer: str | None = None  # who is at the other end, once somebody asked
        self.decrypted = decrypted  # where the connection came by TLS
        self.last_answer = False  # no request is read after the one in progress
        self.hijacked: HijackedConnection | None = None
        self._activity = activity
        self._serve_whole = serve_whole
        self._serving: asyncio.Task[None] | None = None  # a whole request
        self._begun = False  # aiohttp knows of the connection
        self._head = b""  # of a request that may take the connection over, while it is incomplete
        self._held: bytes | None = None  # raw bytes behind such a request, until its handler decides
        self._mid_request = False
        self._head_size = 0  # bytes of a head that is not complete yet
        self._head_timer: asyncio.TimerHandle | None = None
        self._half_closed = False
        self._hangup: Hangup | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; asyncio calls this."""
        self.transport = transport  # type: ignore[assignment]  # asyncio has no other kind for a stream
        self._activity.connected(self)

    def _begin_aiohttp(self) -> None:
        """Let aiohttp serve what comes from here on."""
        if not self._begun and self.transport is not None:
            self._begun = True
            super().connection_made(self.transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End: the handler in progress is cancelled; asyncio calls this."""
        self._activity.disconnected(self)
        if self._hangup is not None:
            self._hangup.close()
        self._head_has_come()
        if self.hijacked is not None:
            self.hijacked.connection_lost()
        if self._serving is not None:
            self._serving.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Stop the writer; asyncio calls this when the client reads too slowly."""
        if self.hijacked is not None:
            self.hijacked.pause_writing()
        else:
            super().pause_writing()

    def resume_writing(self) -> None:
        """Let the writer go on; asyncio calls this."""
        if self.hijacked is not None:
            self.hijacked.resume_writing()
        else:
            super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client; asyncio calls this, aiohttp too, with none, to go on parsing."""
        if self.hijacked is not None:
            self.hijacked.feed(data)
            return
        self._activity.touch()
        if self._held is not None:
            if data:
                self._hold(data)
            else:
                super().data_received(data)
        elif data and (self._head or self._takes_over(data)):
            self._wait_for_head()
            self._head += data
            self._begin_taking_over()
        elif data and self._at_rest() and (whole := read_whole(data)) is not None and self._serve_whole is not None:
            self._serve(whole, data[whole.length :])
        else:
            self._parse(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio asks for more than aiohttp answers
        """Keep the connection when only the client's writing half is closed; asyncio calls this."""
        transport = self.transport
        if transport is None:
            return False
        sock = transport.get_extra_info("socket")
        if self.hijacked is None and (_hung_up(sock) or self._idle()):
            return False
        self._half_closed = True
        if not self._messages and not self._held:
            self.last_answer = True
        if self._current_request is not None:
            self.check_body(self._current_request)
        self._hangup = Hangup(sock, self._loop, self._gone)
        if self.hijacked is not None:
            self.hijacked.feed_eof()
        return True

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
        self.refuse(status)
        return Finished()

    def refuse(self, status: int) -> None:
        """Answer what is no request as Go's server does, and close."""
        reason = f"{status} {HTTPStatus(status).phrase}"
        if self.transport is not None:
            self.transport.write(REFUSED % (reason.encode(), reason.encode()))
            self.transport.close()

    def send(self, data: bytes) -> None:
        """Send bytes of an answer; raises ConnectionResetError when the client has gone."""
        if self.transport is None or self.transport.is_closing():
            raise ConnectionResetError("the client has gone")
        self.transport.write(data)

    def end_after_sending(self) -> None:
        """Close the connection once all that was written is sent."""
        if self.transport is not None:
            self.transport.close()

    @property
    def ends(self) -> bool:
        """Whether nothing is answered after the answer in progress."""
        return self.last_answer or (self._half_closed and not self._messages and not self._held)

    def shed(self) -> bool:
        """Close the connection if no request is in progress on it, to make room for others; tell whether it was."""
        if self.hijacked is not None or not self._idle() or self.closing():
            return False
        self.end()
        return True

    def quiesce(self) -> bool:
        """Take no more requests; False when one is there or in progress, which will be answered.

        Whatever the client sends from here on fails at the client, so that it knows that nothing was read of it.
        """
        transport = self.transport
        if transport is None or transport.is_closing():
            return True
        sock = transport.get_extra_info("socket")
        self.last_answer = True
        if not self._idle() or transport.get_write_buffer_size():
            return False
        try:
            sock.shutdown(socket.SHUT_RD)
            waiting = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, b"\0" * 4))[0]
            if not waiting:
                sock.shutdown(socket.SHUT_WR)  # at once: a client that looks before it writes sees the end
        except OSError:
            return True
        return not waiting

    def closing(self) -> bool:
        """Tell whether the connection is being closed."""
        return self.transport is None or self.transport.is_closing()

    def check_body(self, request: BaseRequest) -> None:
        """Fail the reading of a body that will never be complete; to be called when a request begins, too."""
        if self._half_closed and not request.content.is_eof():
            request.content.set_exception(TruncatedBody())
            self._lingering_time = 0.0  # aiohttp would wait for the rest

    def end(self) -> None:
        """Close the connection now; a handler in progress is cancelled."""
        if self.transport is not None:
            self.transport.abort()

    def take_over(self, head: bytes) -> HijackedConnection:
        """Answer with head and give the connection to the caller, with the bytes that came after the request."""
        transport = self.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        early = (self._held or b"") + getattr(self, "_message_tail", b"")
        self._held = None
        self._message_tail = b""
        self.hijacked = HijackedConnection(transport, self._loop, self._drained)
        if hasattr(transport, "max_size"):
            transport.max_size = TAKEN_OVER_READ_BYTES  # what asyncio would set aside for each read is twice that
        if self._paused:
            self.hijacked.pause_writing()
        transport.write(head)
        transport.resume_reading()
        if early:
            self.hijacked.feed(early)
        if self._half_closed:
            self.hijacked.feed_eof()
        return self.hijacked

    def decline_take_over(self) -> None:
        """Treat the bytes held back as further requests; called when the handler has answered plainly."""
        held, self._held = self._held, None
        if self.transport is not None and held is not None:
            self.transport.resume_reading()
            if held and not self.last_answer:
                self._loop.call_soon(self.data_received, held)

    async def drained(self) -> None:
        """Wait while the client reads too slowly; raises ConnectionError when it has gone."""
        if self._paused:
            await self._drain_helper()

    def _serve(self, whole: WholeRequest, behind: bytes) -> None:
        """Serve a whole request; what comes behind it is held back until it is answered."""
        assert self._serve_whole is not None
        self._held = b""
        if behind:
            self._hold(behind)
        self._serving = self._loop.create_task(self._serve_whole(whole, self), name="serve")

    def _idle(self) -> bool:
        """Tell whether no request is in progress; the beginning of one does not count."""
        if not self._begun:
            return self._held is None
        waiter = self._waiter  # there while aiohttp waits for the next request, and then only
        return waiter is not None and not waiter.done() and not self._messages and self._held is None

    def _at_rest(self) -> bool:
        """Tell whether the next byte is a request's first, and nothing is in progress."""
        first = self._request_count == 0 and not self._messages
        return not self._mid_request and (first or self._idle()) and not self._force_close and not self._close

    def _parse(self, data: bytes) -> None:
        self._begin_aiohttp()
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._mid_request = False
            self._head_has_come()
        elif data and self._current_request is None and not self._messages:
            self._mid_request = True
            if self._request_count and not self._idle():
                return  # the rest of a body that nobody reads
            self._wait_for_head()
            self._head_size += len(data)
            if self._head_size > WHOLE_HEAD_BYTES:
                self.refuse(431)

    def _wait_for_head(self) -> None:
        """Give a head that has begun its time to come."""
        if self._head_timer is None:
            self._head_timer = self._loop.call_later(HEAD_SECONDS, self.end)

    def _head_has_come(self) -> None:
        self._head_size = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _takes_over(self, data: bytes) -> bool:
        """Tell whether data begins a request whose handler may want the raw connection."""
        return self._at_rest() and may_take_over(data)

    def _begin_taking_over(self) -> None:
        """Give aiohttp exactly the request, once all of it is here, and hold back what follows."""
        length = request_length(self._head)
        if length is None:  # the head is not complete
            if len(self._head) > HEAD_BYTES:
                data, self._head = self._head, b""
                self._parse(data)
            return
        if length == 0 or length > HEAD_BYTES + TAKEN_OVER_BODY_BYTES:
            data, self._head = self._head, b""
            self._parse(data)
            return
        if len(self._head) < length:
            return
        data, self._head = self._head, b""
        whole = read_whole(data, upgrades=True) if self._serve_whole is not None else None
        if whole is not None:
            self._head_has_come()
            self._serve(whole, data[length:])
            return
        self._held = b""
        self._parse(data[:length])
        if data[length:]:
            self._hold(data[length:])

    def _hold(self, data: bytes) -> None:
        self._held = (self._held or b"") + data
        if len(self._held) > HELD_BYTES and self.transport is not None:
            self.transport.pause_reading()

    def _gone(self) -> None:
        """The client has closed both halves."""
        if self.hijacked is None or self.hijacked.empty:
            self._gone_and_drained()

    def _drained(self) -> None:
        """The handler has taken all that the client sent before it closed its writing half."""
        if self._hangup is not None and self._hangup.seen:
            self._gone_and_drained()

    def _gone_and_drained(self) -> None:
        # A moment for the handler to pass on the end of the input; after that nobody is left to serve.
        self._loop.call_later(1.0, self.end)


class Hangup:
    """Notices that a client whose writing half is closed closes the other one too.

    asyncio watches such a socket no more, as it is always readable; an epoll of its own still tells of the hangup.
    """

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self.seen = False
        self._loop, self._callback = loop, callback
        self._epoll = select.epoll()
        self._epoll.register(sock.fileno(), 0)  # a hangup is reported unasked
        loop.add_reader(self._epoll.fileno(), self._happened)

    def close(self) -> None:
        """Stop watching."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _happened(self) -> None:
        self.seen = True
        self.close()
        self._callback()


def _hung_up(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock.fileno(), 0)
    return any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))


def may_take_over(data: bytes) -> bool:
    """Tell whether data begins like `POST .../attach` or `.../exec/ID/start` or `GET .../attach/ws`; in doubt, yes."""
    line, end, _ = data[:1024].partition(b"\r\n")
    if len(line) < 5:
        return not end and (b"POST ".startswith(line) or b"GET ".startswith(line[:4]))
    if line.startswith(b"GET "):
        path, space, _ = line[4:].partition(b" ")
        return bool(space) and path.partition(b"?")[0].endswith(b"/attach/ws")
    if not line.startswith(b"POST "):
        return False
    path, space, _ = line[5:].partition(b" ")
    path = path.partition(b"?")[0]
    if not space and len(data) < 1024:  # the path is cut
        return b"/containers/" in path or b"/exec/" in path or len(path) < 24
    return path.endswith(b"/attach") or (path.endswith(b"/start") and b"/exec/" in path)


def request_length(data: bytes) -> int | None:
    """Return the length of the request that data begins with; None: the head is incomplete, 0: not to be told."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = 0
    for field in data[:end].split(b"\r\n")[1:]:
        name, _, value = field.partition(b":")
        name = name.strip().lower()
        if name == b"transfer-encoding":
            return 0
        if name == b"content-length":
            if not value.strip().isdigit():
                return 0
            length = int(value)
    return end + 4 + length
