"""Ending a process whose output is read as it comes, whether or not somebody has read it all."""

from __future__ import annotations

import contextlib
from asyncio.subprocess import Process

_BLOCK = 1 << 20


async def end(process: Process) -> None:
    """Kill a process that still runs and wait for its end; nobody else may be reading its standard output.

    That is read to its end first: asyncio tells of no process's end whose output it has stopped reading for want of
    room.
    """
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    while process.stdout is not None and await process.stdout.read(_BLOCK):
        pass
    await process.wait()
