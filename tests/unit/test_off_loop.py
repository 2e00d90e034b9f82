"""What is put off: done by one thread, in order, a moment after it was handed over, whatever the one before raises."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from engine.off_loop import MOMENT_SECONDS, put_off


def test_what_is_put_off_is_done_in_order_by_one_thread(caplog: pytest.LogCaptureFixture) -> None:
    done: list[tuple[int, int, float]] = []
    over = threading.Event()

    def note(number: int) -> None:
        done.append((number, threading.get_ident(), time.monotonic()))

    def fail() -> None:
        raise OSError("cannot")

    begun = time.monotonic()
    with caplog.at_level(logging.ERROR):
        put_off(lambda: note(1))
        put_off(fail)
        put_off(lambda: note(2))
        put_off(over.set)
        assert over.wait(10)
    assert [number for number, *_ in done] == [1, 2]
    assert len({thread for _, thread, _ in done}) == 1
    assert done[0][2] >= begun + MOMENT_SECONDS
    assert "Cannot tidy up" in caplog.text
