"""Ending a process whose output is read as it comes, whether or not somebody has read it all or is about to."""

from __future__ import annotations

from asyncio.subprocess import Process


async def end(process: Process) -> None:
    """Kill a process that still runs, close its pipes and wait for its end; who reads its output sees that end.

    Killed alone it would be waited for for ever: asyncio tells of no end of a process before that of its output, and
    has stopped reading this where nobody takes it.
    """
    if process.returncode is None:
        process._transport.close()  # type: ignore[attr-defined]  # which kills; asyncio has no public name for it
        await process.wait()
