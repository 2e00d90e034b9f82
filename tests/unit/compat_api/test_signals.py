"""Signals that the event loop acts on."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from compat_api.signals import Signals


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_each_signal_has_its_action_in_the_order_of_their_coming() -> None:
    async def run() -> list[str]:
        done: list[str] = []
        both = asyncio.Event()

        def second() -> None:
            done.append("second")
            both.set()

        signals = Signals(
            asyncio.get_running_loop(), {signal.SIGUSR1: lambda: done.append("first"), signal.SIGUSR2: second}
        )
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR2)
        await asyncio.wait_for(both.wait(), 5)
        signals.close()
        return done

    assert asyncio.run(run()) == ["first", "second"]


def test_a_loop_that_waits_is_woken() -> None:
    async def run() -> None:
        woken = asyncio.Event()
        signals = Signals(asyncio.get_running_loop(), {signal.SIGUSR1: woken.set})
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        await asyncio.wait_for(woken.wait(), 5)
        signals.close()

    asyncio.run(run())


def test_after_the_end_a_signal_does_nothing() -> None:
    async def run() -> list[str]:
        done: list[str] = []
        Signals(asyncio.get_running_loop(), {signal.SIGUSR1: lambda: done.append("acted")}).close()
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.sleep(0.01)
        return done

    assert asyncio.run(run()) == []
