"""One client's connection: what is asked on it, read here as far as it is plain, and what Docker's clients need.

 - A request that is plain (compat_api.whole_request), as nearly all are, is gathered and served here; where its body
   is an archive, whoever unpacks that reads it from the socket. Whatever else comes is handed on to aiohttp, which is
   not even imported before (compat_api.parsed).
 - Bytes behind a request are held back until it is answered: a handler may take the connection over (attach, exec
   start), and then they are raw.
 - A client that closes only its writing half still gets its answer; one that has gone cancels its handler.
 - A connection can be asked to end without losing a request that is on its way (see quiesce).

Made by compat_api.server for every accepted socket.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import socket
import struct
import termios
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from compat_api.headers import status_line
from compat_api.hijack import HijackedConnection
from compat_api.long_body import LongBody
from compat_api.whole_request import LongRequest, More, WholeRequest, read_whole

if TYPE_CHECKING:
    from compat_api.access.tls import Decrypted
    from compat_api.activity import Activity
    from compat_api.parsed import Parsed

HELD_BYTES = 256 * 1024  # of bytes that came behind a request in progress; more wait in the kernel
HEAD_SECONDS = 300.0  # until a head has come that has begun, as with dockerd
WHOLE_HEAD_BYTES = 512 * 1024
HEAD_BYTES = 64 * 1024  # of a request's head; longer ones are left to aiohttp to refuse
LINGER_SECONDS = 10.0  # how long what nobody reads of a body is thrown away, so that the client sees the answer
TAKEN_OVER_BODY_BYTES = 1024 * 1024
READ_BYTES = 120 * 1024  # at once: asyncio's own 256 KiB the allocator takes from the kernel for each read

REFUSED = b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n%s"


class Answering(Protocol):
    """What answers a connection's requests; compat_api.dispatch.Dispatcher is one."""

    async def serve_whole(self, http: WholeRequest, connection: Connection) -> None:
        """Answer a request on its connection."""

    def parse(self, connection: Connection) -> Parsed:
        """Return what reads and answers those that are not whole and plain."""


class Connection(asyncio.Protocol):
    """The protocol of one connection."""

    def __init__(
        self,
        answering: Answering,
        activity: Activity,
        loop: asyncio.AbstractEventLoop,
        decrypted: Decrypted | None = None,
    ) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer: str | None = None  # who is at the other end, once somebody asked
        self.decrypted = decrypted  # where the connection came by TLS
        self.last_answer = False  # no request is read after the one in progress
        self.hijacked: HijackedConnection | None = None
        self._answering = answering
        self._activity = activity
        self._loop = loop
        self._parsed: Parsed | None = None  # aiohttp's side, once there is one
        self._serving: asyncio.Task[None] | None = None  # a whole request
        self._head = b""  # the beginning of a request that is not whole yet
        self._body_awaited = False  # that is all of its head
        self._held: bytes | None = None  # what came behind a request in progress
        self._long: LongBody | None = None  # of the request in progress, while a thread reads the socket
        self._unread = False  # the rest of such a body is on its way, and nobody wants it
        self._lingers: asyncio.TimerHandle | None = None  # until the connection is closed in any case
        self._head_size = 0  # bytes that aiohttp has of a head that is not complete yet
        self._head_timer: asyncio.TimerHandle | None = None
        self._half_closed = False
        self._hangup: Hangup | None = None
        self._writers: asyncio.Future[None] | None = None  # set while the client reads too slowly

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; asyncio calls this."""
        self.transport = transport  # type: ignore[assignment]  # asyncio has no other kind for a stream
        if hasattr(transport, "max_size"):
            transport.max_size = READ_BYTES
        self._activity.connected(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End: the handler in progress is cancelled; asyncio calls this."""
        self._activity.disconnected(self)
        self.transport = None
        if self._hangup is not None:
            self._hangup.close()
        self.head_has_come()
        if self._lingers is not None:
            self._lingers.cancel()
        if self.hijacked is not None:
            self.hijacked.connection_lost()
        if self._serving is not None:
            self._serving.cancel()
        self._let_writers_go_on()
        if self._parsed is not None:
            self._parsed.connection_lost(exc)

    def pause_writing(self) -> None:
        """Stop the writer; asyncio calls this when the client reads too slowly."""
        self._writers = self._loop.create_future()
        if self.hijacked is not None:
            self.hijacked.pause_writing()
        elif self._parsed is not None:
            self._parsed.pause_writing()

    def resume_writing(self) -> None:
        """Let the writer go on; asyncio calls this."""
        self._let_writers_go_on()
        if self.hijacked is not None:
            self.hijacked.resume_writing()
        elif self._parsed is not None:
            self._parsed.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client; asyncio calls this."""
        if self.hijacked is not None:
            self.hijacked.feed(data)
            return
        if self._lingers is not None:
            return
        self._activity.touch()
        if self._held is not None:
            self._hold(data)
        elif self._parsed is not None and not self._parsed.at_rest():
            self._parse(data)
        else:
            self._head += data
            self._read_head()

    def eof_received(self) -> bool:
        """Keep the connection when only the client's writing half is closed; asyncio calls this."""
        transport = self.transport
        if transport is None or self._lingers is not None:
            return False
        if self._body_awaited:  # what is missing will not come
            data, self._head, self._body_awaited = self._head, b"", False
            self._parse(data)
        sock = transport.get_extra_info("socket")
        if self.hijacked is None and (_hung_up(sock) or self._idle()):
            return False
        self._half_closed = True
        if not self._held and (self._parsed is None or self._parsed.is_last()):
            self.last_answer = True
        if self._parsed is not None:
            self._parsed.break_off()
        self._hangup = Hangup(sock, self._loop, self._gone)
        if self.hijacked is not None:
            self.hijacked.feed_eof()
        return True

    def refuse(self, status: int) -> None:
        """Answer what is no request as Go's server does, and close."""
        reason = status_line(status)
        if self.transport is not None:
            self.transport.write(REFUSED % (reason.encode(), reason.encode()))
            self.transport.close()

    def send(self, data: bytes) -> None:
        """Send bytes of an answer; raises ConnectionResetError when the client has gone."""
        if self.transport is None or self.transport.is_closing():
            raise ConnectionResetError("the client has gone")
        self.transport.write(data)

    async def drained(self) -> None:
        """Wait while the client reads too slowly; raises ConnectionResetError when it has gone."""
        if self._writers is not None:
            await asyncio.shield(self._writers)
        if self.transport is None:
            raise ConnectionResetError("the client has gone")

    async def lend(self) -> socket.socket:
        """Return the socket once all that was written is sent; nothing is to be written here before it is closed.

        Raises ConnectionResetError when the client has gone.
        """
        transport = self.transport
        if transport is not None and transport.get_write_buffer_size():
            transport.set_write_buffer_limits(0)
            await self.drained()
            transport.set_write_buffer_limits()
        if self.transport is None or self.transport.is_closing():
            raise ConnectionResetError("the client has gone")
        return socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno()))

    def end_after_sending(self) -> None:
        """Close the connection once all that was written is sent, or a client that still sends has had its time."""
        if self.transport is None:
            return
        if not self._unread:
            self.transport.close()
            return
        self._lingers = self._loop.call_later(LINGER_SECONDS, self.end)
        self.transport.write_eof()
        self.transport.resume_reading()

    @property
    def half_closed(self) -> bool:
        """Whether the client sends no more."""
        return self._half_closed

    @property
    def ends(self) -> bool:
        """Whether nothing is answered after the answer in progress."""
        last = self._half_closed and not self._held and (self._parsed is None or self._parsed.is_last())
        return self.last_answer or last

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

    def end(self) -> None:
        """Close the connection now; a handler in progress is cancelled."""
        if self.transport is not None:
            self.transport.abort()

    def take_over(self, head: bytes) -> HijackedConnection:
        """Answer with head and give the connection to the caller, with the bytes that came after the request."""
        transport = self.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        early = (self._held or b"") + (self._parsed.take_tail() if self._parsed is not None else b"")
        self._held = None
        self.hijacked = HijackedConnection(transport, self._loop, self._drained)
        if self._writers is not None:
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
        if self._long is not None:
            self._long.close()
            if not self._long.over:
                self._long, self._unread, self.last_answer = None, True, True
                return
            self._body_has_come()
        if self._held and not self.last_answer and self.transport is not None:
            self._loop.call_soon(self._go_on)  # until then they are held, as is what comes meanwhile
            return
        held, self._held = self._held, None
        if self.transport is not None and held is not None:
            self.transport.resume_reading()

    def _body_has_come(self) -> None:
        """Take the socket back from who has read a long body, unless that has been done."""
        if self._long is None or not self._long.over:
            return
        rest, self._long = self._long.rest, None
        if self.transport is not None:
            self.transport.resume_reading()
            if rest:
                self._hold(rest)

    def _go_on(self) -> None:
        """Take the bytes that were held back as they would have been taken when they came."""
        held, self._held = self._held, None
        if self.transport is not None:
            self.transport.resume_reading()
            if held and not self.last_answer:
                self.data_received(held)

    def head_begins(self, size: int) -> None:
        """Note that so many bytes more have come of a head that is not complete."""
        self._wait_for_head()
        self._head_size += size
        if self._head_size > WHOLE_HEAD_BYTES:
            self.refuse(431)

    def head_has_come(self) -> None:
        """Note that a head is complete."""
        self._head_size = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _read_head(self) -> None:
        """Serve the request that has come, wait for more of it, or hand it on to aiohttp."""
        data = self._head
        takes_over = may_take_over(data)
        found = read_whole(data, upgrades=takes_over)
        if isinstance(found, More):
            self._body_awaited = b"\r\n\r\n" in data
            if self._body_awaited:
                self.head_has_come()
            else:
                self._wait_for_head()
            return
        self._body_awaited = False
        if found is not None:
            self._head = b""
            self.head_has_come()
            self._serve(found, data[found.length :])
        elif takes_over:
            self._wait_for_head()
            self._begin_taking_over()
        else:
            self._head = b""
            self._parse(data)

    def _serve(self, whole: WholeRequest, behind: bytes) -> None:
        """Serve a request; what comes behind it is held back until it is answered."""
        self._held = b""
        if isinstance(whole, LongRequest):
            whole.content = self._long = self._lend_for_body(behind, whole.body_length)
        elif behind:
            self._hold(behind)
        if whole.closes:
            self.last_answer = True
        self._serving = self._loop.create_task(self._answering.serve_whole(whole, self), name="serve")

    def _lend_for_body(self, begun: bytes, length: int | None) -> LongBody:
        """Leave the socket to whoever reads a long body, until it has been read."""
        assert self.transport is not None
        self.transport.pause_reading()
        connected = socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno()))
        return LongBody(connected, begun, length, lambda: self._loop.call_soon_threadsafe(self._body_has_come))

    def _parse(self, data: bytes) -> None:
        """Give bytes to aiohttp."""
        if self.transport is None:
            return
        if self._parsed is None:
            self._parsed = self._answering.parse(self)
            self._parsed.connection_made(self.transport)
            if self._writers is not None:
                self._parsed.pause_writing()
        self._parsed.data_received(data)

    def _idle(self) -> bool:
        """Tell whether no request is in progress; the beginning of one does not count."""
        if self._held is not None or self._body_awaited:
            return False
        return self._parsed is None or self._parsed.is_idle()

    def _wait_for_head(self) -> None:
        """Give a head that has begun its time to come."""
        if self._head_timer is None:
            self._head_timer = self._loop.call_later(HEAD_SECONDS, self.end)

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
        self._held = b""
        self._parse(data[:length])
        if data[length:]:
            self._hold(data[length:])

    def _hold(self, data: bytes) -> None:
        self._held = (self._held or b"") + data
        if len(self._held) > HELD_BYTES and self.transport is not None:
            self.transport.pause_reading()

    def _let_writers_go_on(self) -> None:
        writers, self._writers = self._writers, None
        if writers is not None and not writers.done():
            writers.set_result(None)

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
