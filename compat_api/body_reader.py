"""Bridges between the loop and the threads in which the engine's sync verbs read archives and give results in turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from compat_api.whole_request import WholeBody
from engine.off_loop import off_loop

if TYPE_CHECKING:
    from aiohttp import StreamReader

    from compat_api.lean_aiohttp import BaseRequest
    from compat_api.whole_request import WholeRequest

T = TypeVar("T")
AHEAD = 4  # results that wait for a slow client; then the verb waits, too


class BodyReader:
    """A request's body as a file that a thread reads. Raises what the connection raises when the client goes away."""

    def __init__(self, http: BaseRequest | WholeRequest) -> None:
        self._loop = asyncio.get_running_loop()
        self._coming: StreamReader | None = None
        if isinstance(http.content, WholeBody):
            self._rest = memoryview(http.content.take())
        else:
            self._rest = memoryview(b"")
            self._coming = http.content

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes, b"" at the end of the body; blocks. Not to be called on the loop."""
        if not self._rest:
            if self._coming is None:
                return b""
            data = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            if len(data) <= n:
                return data
            self._rest = memoryview(data)
        piece, self._rest = self._rest[:n], self._rest[n:]
        return bytes(piece)

    async def _next(self) -> bytes:
        assert self._coming is not None
        data: bytes = await self._coming.readany()
        return data


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
            close = getattr(results, "close", None)
            if close is not None:
                close()
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
