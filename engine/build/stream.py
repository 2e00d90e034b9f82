"""A build as a stream of events for the event loop: it runs in a thread of its own, a bounded number of events ahead.

Events come in batches, of what is told within a moment or while the loop is busy, so that a build that has little to do
is not slowed down by the telling: two threads that run in turns cost more than most steps that are known already.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from engine.build.builder import Builder

if TYPE_CHECKING:
    from engine import Engine
    from engine.build.events import BuildEvent
    from engine.build.request import BuildRequest

AHEAD = 1024  # events that wait for a slow client; then the build waits, too
MOMENT = 0.01  # seconds in which a batch comes together; nobody sees them
BUILDS = 64  # at the same time in one process; more queue up


@functools.cache
def _threads() -> ThreadPoolExecutor:
    """Return the threads that builds run in; they live on, each with its connection to the database."""
    return ThreadPoolExecutor(BUILDS, thread_name_prefix="build")


class _Handover:
    """Events on their way from a thread to the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._condition = threading.Condition()
        self._events: list[BuildEvent] = []
        self._asleep = False
        self.stopped = False
        self.wake = asyncio.Event()

    def put(self, event: BuildEvent) -> None:
        """Take an event, waiting while there are too many; not to be called on the loop."""
        with self._condition:
            while len(self._events) >= AHEAD and not self.stopped:
                self._condition.wait()
            self._events.append(event)
            if not self._asleep:
                return
            self._asleep = False
        self._loop.call_soon_threadsafe(self.wake.set)

    def take(self) -> list[BuildEvent]:
        """Return what has come; where that is nothing, the next event sets wake."""
        self.wake.clear()
        with self._condition:
            events, self._events = self._events, []
            self._asleep = not events
            self._condition.notify()
        return events

    def stop(self) -> None:
        """Let nobody wait any more."""
        with self._condition:
            self.stopped = True
            self._condition.notify()


async def stream(engine: Engine, request: BuildRequest) -> AsyncGenerator[list[BuildEvent]]:
    """Run a build and yield its events; raises what it raises. Closed early, it cancels the build and waits for it."""
    handover = _Handover()
    builder = Builder(engine, request, handover.put)
    running = asyncio.get_running_loop().run_in_executor(_threads(), builder.run)
    running.add_done_callback(lambda _: handover.wake.set())
    try:
        while True:
            done, _ = await asyncio.wait([running], timeout=MOMENT)
            if events := handover.take():
                yield events
            elif done:
                break
            else:
                await handover.wake.wait()
        await running
    finally:
        builder.cancel()
        handover.stop()
        await asyncio.wait([running])
        builder.cancellation.close()
