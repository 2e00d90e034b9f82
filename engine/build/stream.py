"""A build as a stream of events for the event loop: it runs in its own thread, a bounded number of events ahead."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from engine.build.builder import Builder

if TYPE_CHECKING:
    from engine import Engine
    from engine.build.events import BuildEvent
    from engine.build.request import BuildRequest

AHEAD = 256  # events that wait for a slow client; then the build waits, too


class _End:
    """The last thing in the queue: what the build raised, None for nothing."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


async def stream(engine: Engine, request: BuildRequest) -> AsyncGenerator[BuildEvent]:
    """Run a build and yield its events; raises what it raises. Closed early, it cancels the build and waits for it."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[BuildEvent | _End] = asyncio.Queue()
    room = threading.Semaphore(AHEAD)
    ended: asyncio.Future[None] = loop.create_future()

    def tell(event: BuildEvent) -> None:
        room.acquire()
        if builder.cancellation.cancelled:
            room.release()  # nobody makes room any more
        loop.call_soon_threadsafe(queue.put_nowait, event)

    def work() -> None:
        error: BaseException | None = None
        try:
            builder.run()
        except BaseException as raised:
            error = raised
        finally:
            engine.database.close()
        loop.call_soon_threadsafe(queue.put_nowait, _End(error))
        loop.call_soon_threadsafe(ended.set_result, None)

    builder = Builder(engine, request, tell)
    thread = threading.Thread(target=work, name=f"build {builder.identity[:12]}")
    thread.start()
    try:
        while True:
            item = await queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            room.release()
            yield item
    finally:
        builder.cancel()
        room.release()
        await asyncio.shield(ended)
        builder.cancellation.close()
