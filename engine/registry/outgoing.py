"""A layer on its way out: put together and packed in a thread, a bounded number of pieces ahead of the upload.

The packing is deterministic: the same archive gives the same bytes each time, hence the same digest in every registry.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, Self

from engine.off_loop import off_loop

AHEAD = 4 << 20  # bytes that wait for the upload; then the thread waits
PIECE = 256 * 1024
ISAL_LEVEL = 2
ZLIB_LEVEL = 1  # isal's size in three times its time; dockerd's own level takes four times as long again


class _Stopped(Exception):
    """Nobody wants more pieces."""


class Outgoing:
    """The packed form of an archive, as a context that gives its pieces; digest and size are known at their end."""

    def __init__(self, begin: Callable[[], Iterator[bytes]], *, packed: bool, tell: Callable[[int], None]) -> None:
        self._begin = begin
        self._packed = packed
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._changed = threading.Condition()
        self._waiting = 0
        self._stopped = False
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._working: asyncio.Future[None] | None = None
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        """The digest of all that was given."""
        return f"sha256:{self._hash.hexdigest()}"

    async def __aenter__(self) -> Self:
        self._working = asyncio.ensure_future(off_loop(self._work))
        return self

    async def __aexit__(self, *_: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
        assert self._working is not None
        await asyncio.wait([self._working])
        if not self._working.cancelled() and (error := self._working.exception()) is not None:
            raise error  # the upload's own failure only follows from it

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Give the bytes, once. Raises BadArchive when the archive cannot be put together, OSError."""
        assert self._working is not None
        while (piece := await self._queue.get()) is not None:
            with self._changed:
                self._waiting -= len(piece)
                self._changed.notify()
            yield piece
        await self._working

    def _work(self) -> None:
        try:
            packer = _packer() if self._packed else None
            read, told, held = 0, 0, bytearray()
            for data in self._begin():
                read += len(data)
                held += packer.compress(data) if packer is not None else data
                if read - told >= PIECE:
                    told = read
                    self._loop.call_soon_threadsafe(self._tell, read)
                if len(held) >= PIECE:
                    self._give(bytes(held))
                    held.clear()
            if packer is not None:
                held += packer.flush()
            self._loop.call_soon_threadsafe(self._tell, read)
            if held:
                self._give(bytes(held))
        except _Stopped:
            pass
        finally:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, None)

    def _give(self, piece: bytes) -> None:
        self._hash.update(piece)
        self.size += len(piece)
        with self._changed:
            while self._waiting >= AHEAD and not self._stopped:
                self._changed.wait()
            if self._stopped:
                raise _Stopped
            self._waiting += len(piece)
        self._loop.call_soon_threadsafe(self._queue.put_nowait, piece)


def _packer() -> Any:
    """Return what packs as gzip: isal where it is there, which is several times as fast, else zlib."""
    import importlib

    try:
        isal = importlib.import_module("isal.isal_zlib")
    except ImportError:
        return zlib.compressobj(ZLIB_LEVEL, zlib.DEFLATED, 31)
    return isal.compressobj(ISAL_LEVEL, isal.DEFLATED, 31)
