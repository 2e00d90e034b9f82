"""Work that tells what happens while it goes on, as a stream of events that ends and fails with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine

from engine.images.progress import TransferEvent


async def telling(
    work: Coroutine[object, object, None], events: asyncio.Queue[TransferEvent | None], name: str
) -> AsyncGenerator[TransferEvent]:
    """Run work in a task of that name, and give the events that it puts into the queue until it ends.

    Raises what the work raises. Who closes the generator early cancels the work and waits for its end.
    """
    working = asyncio.create_task(work, name=name)
    working.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await events.get()) is not None:
            yield event
        await working
    finally:
        working.cancel()
        try:
            await working
        except (asyncio.CancelledError, Exception):  # told above, or nobody is there to be told
            pass
