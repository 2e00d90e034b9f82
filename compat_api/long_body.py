"""Bodies that are archives: read from the connection's socket by the thread that unpacks them, not by the loop.

Such a body has a length or comes in chunks (RFC 9112, section 7.1). While it is read the connection leaves the socket
alone; what comes behind it is given back to the connection. Made by compat_api.connection.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from compat_api.problems import BadRequest, Problem, TruncatedBody
from engine.off_loop import off_loop

PIECE_BYTES = 256 * 1024
RECEIVED_BYTES = 120 * 1024  # at once: for more the allocator goes to the kernel each time (compat_api.memory)
LINE_BYTES = 4096  # of a chunk's size and the trailer's fields, as in Go
_HEXADECIMAL = b"0123456789abcdefABCDEF"
_SIZE_DIGITS = 16


class Dechunker:
    """Takes chunks apart; over says that the last one and its trailer have come. Pure."""

    def __init__(self) -> None:
        self.over = False
        self._left = 0  # of the chunk in progress
        self._ends = False  # that has come, but for the line's end behind it
        self._kept = b""  # the beginning of a line, or what is behind the body
        self._take = self._size  # the next line

    def feed(self, data: bytes) -> bytes:
        """Return what these bytes hold of the body. Raises BadRequest in the words of Go's reader."""
        if self._kept:
            data, self._kept = self._kept + data, b""
        view, at, parts = memoryview(data), 0, []
        while not self.over:
            if self._left:
                part = view[at : at + self._left]
                at, self._left = at + len(part), self._left - len(part)
                parts.append(part)
                self._ends = not self._left
            elif self._ends and data[at : at + 2] == b"\r\n":
                at, self._ends = at + 2, False
            elif self._ends and len(data) - at >= 2:
                raise BadRequest("malformed chunked encoding")
            elif not self._ends and (end := data.find(b"\n", at, at + LINE_BYTES)) >= 0:
                line, at = data[at:end], end + 1
                if not line.endswith(b"\r"):
                    raise BadRequest("chunked line ends with bare LF")
                self._take(line[:-1])
            elif len(data) - at >= LINE_BYTES:
                raise BadRequest("header line too long")
            else:
                break
            if at == len(data):
                return b"".join(parts)
        self._kept = data[at:]
        return b"".join(parts)

    @property
    def rest(self) -> bytes:
        """What came behind the body, once it is over."""
        return self._kept

    def _size(self, line: bytes) -> None:
        digits = line.partition(b";")[0].rstrip(b" \t")
        if not digits or digits.translate(None, _HEXADECIMAL):
            raise BadRequest("invalid byte in chunk length")
        if len(digits) > _SIZE_DIGITS:
            raise BadRequest("http chunk length too large")
        self._left = int(digits, 16)
        if not self._left:
            self._take = self._trailer

    def _trailer(self, line: bytes) -> None:
        if line and b":" not in line:
            raise BadRequest("malformed MIME header line")
        self.over = not line


class LongBody:
    """A body that a thread reads; begun is what the connection has read of it, and perhaps of what is behind it.

    length: None where it comes in chunks. when_over is called once all has been read, in the thread that reads; rest
    is then what came behind it.
    """

    def __init__(
        self, connected: socket.socket, begun: bytes, length: int | None, when_over: Callable[[], object]
    ) -> None:
        self.over = False
        self.rest = b""
        self._socket = connected
        self._begun = begun
        self._left = length or 0
        self._chunks = Dechunker() if length is None else None
        self._when_over = when_over
        self._lock = threading.Lock()  # of these two
        self._closed = self._reading = False

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes, b"" at the end; blocks. Raises TruncatedBody, BadRequest, ConnectionError."""
        while not self.over:
            self._begin()
            try:
                data = self._decoded(self._receive(n))
            except BlockingIOError:
                waiting = select.poll()
                waiting.register(self._socket, select.POLLIN)
                waiting.poll()
                continue
            finally:
                self._pause()
            if data:
                return data
        return b""

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield what has not been read, as aiohttp's bodies do."""
        while data := await off_loop(self.read, PIECE_BYTES):
            yield data

    def close(self) -> None:
        """Read nothing more but a short rest that is there. A thread that still reads, for nobody, fails."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._reading:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
                return
        skipped = 0
        with suppress(OSError, Problem):
            while not self.over and skipped < PIECE_BYTES:
                data = self._receive(PIECE_BYTES)
                skipped += len(data)
                self._decoded(data)
        self._socket.close()

    def _begin(self) -> None:
        with self._lock:
            if self._closed:
                raise ConnectionAbortedError("the request is over")
            self._reading = True

    def _pause(self) -> None:
        with self._lock:
            self._reading = False
            if self._closed or self.over:
                self._socket.close()
        if self.over:
            self._when_over()

    def _receive(self, n: int) -> bytes:
        """Return between one and n bytes as they came. Raises BlockingIOError where there are none now."""
        n = min(n, RECEIVED_BYTES if self._chunks is not None else min(RECEIVED_BYTES, self._left))
        if self._begun:
            data, self._begun = self._begun[:n], self._begun[n:]
        elif not (data := self._socket.recv(n)):
            raise TruncatedBody
        return data

    def _decoded(self, data: bytes) -> bytes:
        """Return what of the body is in bytes that came, and note whether that is all of it."""
        if self._chunks is None:
            self._left -= len(data)
            self.over = not self._left
            rest = b""
        else:
            data = self._chunks.feed(data)
            self.over, rest = self._chunks.over, self._chunks.rest
        if self.over:
            self.rest = rest + self._begun
        return data
