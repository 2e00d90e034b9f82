"""The bridges between threads and the loop: results, failures, ends before the end, back-pressure."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, cast

import pytest

from compat_api.body_reader import AHEAD, READ_AHEAD_BYTES, BodyReader, iterate_off_loop
from compat_api.problems import TruncatedBody

if TYPE_CHECKING:
    from compat_api.lean_aiohttp import BaseRequest


async def test_results_come_in_order_and_from_another_thread() -> None:
    threads = set()

    def numbers() -> Iterator[int]:
        threads.add(threading.get_ident())
        yield from range(3 * AHEAD)

    assert [each async for each in iterate_off_loop(numbers)] == list(range(3 * AHEAD))
    assert threads and threading.get_ident() not in threads


async def test_a_failure_before_the_first_result_is_raised() -> None:
    def begin() -> Iterator[int]:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await anext(iterate_off_loop(begin))


async def test_a_failure_between_results_is_raised_after_them() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise LookupError("gone")

    results = iterate_off_loop(failing)
    assert await anext(results) == 1
    with pytest.raises(LookupError, match="gone"):
        await anext(results)


async def test_an_iterator_that_is_not_wanted_any_more_is_closed() -> None:
    closed = threading.Event()
    given: list[int] = []

    def endless() -> Iterator[int]:
        try:
            while True:
                given.append(len(given))
                yield given[-1]
        finally:
            closed.set()

    results = iterate_off_loop(endless)
    assert await anext(results) == 0
    await results.aclose()
    assert closed.wait(10)
    assert len(given) <= AHEAD + 3


class Coming:
    """A body that comes as a test gives it; how much of it was taken is counted."""

    def __init__(self, pieces: Iterable[bytes], error: Exception | None = None, *, endless: bool = False) -> None:
        self.content = self
        self.given = 0
        self._pieces, self._error, self._endless = pieces, error, endless

    async def iter_any(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.given += len(piece)
            yield piece
            await asyncio.sleep(0)
        if self._endless:
            await asyncio.Event().wait()
        if self._error is not None:
            raise self._error


def reader_of(coming: Coming) -> BodyReader:
    return BodyReader(cast("BaseRequest", coming))


async def test_a_body_is_read_in_pieces_of_at_most_a_size_to_its_end() -> None:
    reader = reader_of(Coming([b"abc", b"defgh", b"i"]))
    found = await asyncio.to_thread(lambda: [reader.read(4) for _ in range(6)])
    assert found == [b"abc", b"defg", b"h", b"i", b"", b""]
    reader.close()


async def test_a_body_is_read_ahead_by_so_much_and_no_more() -> None:
    piece = bytes(100_000)
    coming = Coming(piece for _ in range(100))
    reader = reader_of(coming)
    assert await asyncio.to_thread(reader.read, 1 << 20) == piece
    await asyncio.sleep(0.05)
    assert READ_AHEAD_BYTES < coming.given < READ_AHEAD_BYTES + 300_000
    rest = await asyncio.to_thread(lambda: sum(iter(lambda: len(reader.read(1 << 20)), 0)))
    assert rest == 99 * len(piece)


async def test_a_body_that_breaks_off_is_raised() -> None:
    reader = reader_of(Coming([b"a"], TruncatedBody()))
    assert await asyncio.to_thread(reader.read, 9) == b"a"
    with pytest.raises(TruncatedBody):
        await asyncio.to_thread(reader.read, 9)
    assert await asyncio.to_thread(reader.read, 9) == b""


async def test_who_waits_for_a_body_that_is_given_up_is_told() -> None:
    reader = reader_of(Coming([], endless=True))
    reading = asyncio.create_task(asyncio.to_thread(reader.read, 9))
    await asyncio.sleep(0.05)
    reader.close()
    with pytest.raises(ConnectionAbortedError):
        await reading


async def test_a_body_that_nobody_reads_is_left_alone() -> None:
    coming = Coming([b"x"])
    reader_of(coming).close()
    await asyncio.sleep(0.01)
    assert coming.given == 0
