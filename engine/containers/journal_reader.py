"""Reading a container's log from the journal, by journalctl as a child: what there is, and what comes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shlex
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from engine.containers.journal import Entries, Entry, Messages, arguments
from engine.ended_process import end
from engine.errors import EngineError, Unavailable
from engine.off_loop import off_loop
from engine.runtime.oci import which
from engine.state.changes import Changes

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.log_format import Message
    from engine.containers.logs import LogOptions
    from engine.containers.record import Container

_BLOCK = 98304
_TAIL_MORE = 8  # entries looked at first beyond those of a tail, for lines that the first ones are in the midst of
_SETTLED_NANOSECONDS = 10_000_000_000  # so long after its end, all that a container wrote is in the journal

log = logging.getLogger(__name__)


class JournalctlMissing(Unavailable):
    """journalctl, which reads the journal, is not installed."""

    def __init__(self) -> None:
        super().__init__("cannot find journalctl, which reads the journal: install systemd's tools")


class JournalUnreadable(EngineError):
    """journalctl failed; reason is what it said."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot read the journal: {reason}")
        self.reason = reason


def program() -> str:
    """Return where journalctl is. Raises JournalctlMissing."""
    found = which("journalctl")
    if found is None:
        raise JournalctlMissing
    return found


async def batches(
    engine: Engine, container: Container, options: LogOptions, runs: Callable[[], bool]
) -> AsyncIterator[list[Message]]:
    """Yield a container's messages, oldest first; with follow, until runs says that it has ended.

    Raises JournalctlMissing, JournalUnreadable.
    """
    journalctl = program()
    messages = Messages()
    alive = await off_loop(runs)
    if not alive:
        await _settle(journalctl, container)
    if options.tail is None:
        async for entries in _read(arguments(journalctl, container.id, options)):
            yield messages.feed(entries)
    else:
        messages, tail = await _tail(journalctl, container, options, options.tail, alive=alive)
        yield tail
    if alive and options.follow:
        database = engine.database
        wal = database.path.with_name(database.path.name + "-wal")
        async with Changes(database.wake_file, wal) as changes:
            async for batch in _follow(journalctl, container, options, messages, runs, changes):
                yield batch
        await _sync(journalctl)
        # What the follower was in the midst of is read again: it goes by the last whole entry.
        async for entries in _read(arguments(journalctl, container.id, options, after=messages.cursor)):
            yield messages.feed(entries)
        alive = False
    if not alive:  # what waits for its newline in a container that runs is not in the log yet
        yield messages.end()


async def _follow(
    journalctl: str,
    container: Container,
    options: LogOptions,
    messages: Messages,
    runs: Callable[[], bool],
    changes: Changes,
) -> AsyncIterator[list[Message]]:
    """Yield what comes after what messages has seen, until the container has ended."""
    entries = Entries()
    command = arguments(journalctl, container.id, options, after=messages.cursor, follow=True)
    async with _journalctl(command) as process:
        assert process.stdout is not None
        block = asyncio.ensure_future(process.stdout.read(_BLOCK))
        changed = asyncio.ensure_future(changes.wait())
        try:
            while await off_loop(runs):
                await asyncio.wait({block, changed}, return_when=asyncio.FIRST_COMPLETED)
                if block.done():
                    data = block.result()
                    if not data:
                        raise JournalUnreadable(await _words(process))
                    yield messages.feed(entries.feed(data))
                    block = asyncio.ensure_future(process.stdout.read(_BLOCK))
                if changed.done():
                    changed = asyncio.ensure_future(changes.wait())
        finally:
            for waiting in (block, changed):
                waiting.cancel()


async def _tail(
    journalctl: str, container: Container, options: LogOptions, tail: int, *, alive: bool
) -> tuple[Messages, list[Message]]:
    """Return the last messages, and what goes on with those that follow: look at ever more of the end, and count."""
    last = tail + _TAIL_MORE
    while True:
        # A window may begin within a line, of which then nothing can be told; that it does not is seen at its end.
        ways = Messages(), Messages(from_middle=True)
        kept: tuple[deque[Message], deque[Message]] = deque(maxlen=tail), deque(maxlen=tail)
        async for entries in _read(arguments(journalctl, container.id, options, last=last)):
            for messages, found in zip(ways, kept, strict=True):
                found += messages.feed(entries)
        whole = ways[0].entries < last
        messages, found = (ways[0], kept[0]) if whole else (ways[1], kept[1])
        if not alive:
            found += messages.end()
        if whole or len(found) == tail:
            return messages, list(found)
        last *= 4


async def _read(command: list[str]) -> AsyncIterator[list[Entry]]:
    """Yield what journalctl prints until it ends."""
    entries = Entries()
    async with _journalctl(command) as process:
        assert process.stdout is not None
        while data := await process.stdout.read(_BLOCK):
            yield entries.feed(data)
        if await process.wait():
            raise JournalUnreadable(await _words(process))


async def _settle(journalctl: str, container: Container) -> None:
    """Wait until what a container that has just ended wrote is in the journal."""
    if time.time_ns() - container.state.finished < _SETTLED_NANOSECONDS:
        await _sync(journalctl)


async def _sync(journalctl: str) -> None:
    """Have journald take all that was sent to it until now."""
    async with _journalctl([journalctl, "--sync"]) as process:
        if await process.wait():
            log.warning("%s --sync failed: %s", journalctl, await _words(process))


@contextlib.asynccontextmanager
async def _journalctl(command: list[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    log.debug("Run %s", shlex.join(command))
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC0", "LC_ALL": "C"},
        cwd="/",
    )
    try:
        yield process
    finally:
        await end(process)


async def _words(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    return (await process.stderr.read(_BLOCK)).decode(errors="replace").strip() or "journalctl ended"
