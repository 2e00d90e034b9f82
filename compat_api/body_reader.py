"""Bridges between the loop and the threads in which the engine's sync verbs read archives and give results in turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar, cast

from compat_api.pieces import finish
from compat_api.whole_request import WholeBody
from engine.off_loop import off_loop

if TYPE_CHECKING:
    from aiohttp import StreamReader

    from compat_api.lean_aiohttp import BaseRequest
    from compat_api.whole_request import WholeRequest

T = TypeVar("T")
READ_AHEAD_BYTES = 512 * 1024  # of a body, beyond what aiohttp holds
AHEAD = 4  # results that wait for a slow client; then the verb waits, too


class BodyReader:
    """A short body, or one that aiohttp reads, as a file that a thread reads.

    Raises what the connection raises when the client goes away.

    The loop reads some of it ahead, from the first read on.
    """

    def __init__(self, http: BaseRequest | WholeRequest) -> None:
        self._loop = asyncio.get_running_loop()
        self._rest = memoryview(b"")
        self._coming: StreamReader | None = None  # what nobody has begun to read
        content = cast("WholeBody | StreamReader", http.content)
        self._over = isinstance(content, WholeBody)
        if isinstance(content, WholeBody):
            self._rest = memoryview(content.take())
        else:
            self._coming = content
        self._queue: SimpleQueue[bytes | BaseException] = SimpleQueue()
        self._room = asyncio.Event()
        self._put = self._taken = 0  # bytes: each is changed on one side alone
        self._feeding: asyncio.Task[None] | None = None
        self._closed = False

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes, b"" at the end of the body; blocks. Not to be called on the loop."""
        if not self._rest:
            if self._over:
                return b""
            data = self._take()
            if len(data) <= n:
                return data
            self._rest = memoryview(data)
        piece, self._rest = self._rest[:n], self._rest[n:]
        return bytes(piece)

    def close(self) -> None:
        """Read nothing more ahead; what is left of the body is the connection's. Called on the loop."""
        self._closed = True
        if self._feeding is not None:
            self._feeding.cancel()
        self._queue.put(ConnectionAbortedError("the request is over"))

    def _take(self) -> bytes:
        coming, self._coming = self._coming, None
        if coming is not None:
            self._loop.call_soon_threadsafe(self._begin, coming)
        item = self._queue.get()
        if not isinstance(item, bytes):
            self._over = True
            raise item
        self._over = not item
        ahead = self._put - self._taken
        self._taken += len(item)
        if ahead > READ_AHEAD_BYTES // 2 >= ahead - len(item):
            self._loop.call_soon_threadsafe(self._room.set)
        return item

    def _begin(self, coming: StreamReader) -> None:
        if not self._closed:
            self._feeding = self._loop.create_task(self._feed(coming), name="read body")

    async def _feed(self, coming: StreamReader) -> None:
        try:
            async for data in coming.iter_any():
                self._put += len(data)
                self._queue.put(data)
                self._room.clear()
                while self._put - self._taken > READ_AHEAD_BYTES:
                    await self._room.wait()
                    self._room.clear()
            self._queue.put(b"")
        except Exception as error:
            self._queue.put(error)


class _Stopped(Exception):
    """Nobody wants more results."""


class _Pipe:
    """Hands results from a thread to the loop, a bounded number ahead."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(AHEAD)
        self._stopped = False
        self.queue: asyncio.Queue[object] = asyncio.Queue()

    def put(self, item: object) -> None:
        """Give a result to the loop, waiting for room; raises _Stopped."""
        self._room.acquire()
        if self._stopped:
            raise _Stopped
        self._loop.call_soon_threadsafe(self.queue.put_nowait, item)

    def taken(self) -> None:
        """Make room for another result."""
        self._room.release()

    def stop(self) -> None:
        """Let the thread's next put raise."""
        self._stopped = True
        self._room.release()


_END = object()


async def iterate_off_loop(begin: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """Run a sync iterator in one thread and yield what it yields; its exceptions are raised here.

    When this generator is closed early the iterator is closed too, at its next result.
    """
    pipe = _Pipe()

    def work() -> None:
        results: Iterator[T] | None = None
        try:
            results = begin()
            for result in results:
                pipe.put(result)
        except _Stopped:
            pass
        finally:
            if results is not None:
                finish(results)
            pipe._loop.call_soon_threadsafe(pipe.queue.put_nowait, _END)

    working = asyncio.create_task(off_loop(work), name="iterate")
    working.add_done_callback(lambda task: None if task.cancelled() else task.exception())
    try:
        while True:
            item = await pipe.queue.get()
            if item is _END:
                break
            pipe.taken()
            yield item  # type: ignore[misc]  # the iterator's own type
        await working
    finally:
        pipe.stop()
