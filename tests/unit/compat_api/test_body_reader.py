"""The bridges between threads and the loop: results, failures, ends before the end, back-pressure."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from compat_api.body_reader import AHEAD, iterate_off_loop


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
