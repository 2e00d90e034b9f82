"""Reading a container's log: whole, from its tail, or as it grows."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.containers import folders, rows
from engine.containers.log_format import Joiner, LogEntry
from engine.errors import NoSuchContainer, NotImplementedHere
from engine.off_loop import off_loop

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.record import Container

BLOCK = 262144


class LogsUnreadable(NotImplementedHere):
    """The container's log driver keeps nothing that could be read."""

    def __init__(self, driver: str) -> None:
        super().__init__(f"the log driver {driver} does not support reading")
        self.driver = driver


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which messages: times are nanoseconds since 1970 (0: none), tail a number of messages (None: all)."""

    stdout: bool = False
    stderr: bool = False
    since: int = 0
    until: int = 0
    timestamps: bool = False
    follow: bool = False
    tail: int | None = None
    details: bool = False


async def logs(engine: Engine, name: str, options: LogOptions) -> tuple[Container, AsyncIterator[LogEntry]]:
    """Return the container and its messages, oldest first; with follow, until it ends.

    Raises NoSuchContainer, LogsUnreadable.
    """
    container_id = await off_loop(rows.find_id, engine.database, name)
    container = await off_loop(rows.get, engine.database, container_id)
    if container.host.log_config.type == "none":
        raise LogsUnreadable("none")
    return container, _selected(_messages(engine, container, options), options)


async def history(
    engine: Engine, container: Container, *, stdout: bool, stderr: bool
) -> AsyncIterator[tuple[int, bytes]]:
    """Yield what a container has written so far as (stream, data); nothing when no log is kept."""
    if container.host.log_config.type == "none":
        return
    options = LogOptions(stdout=stdout, stderr=stderr)
    async for entry in _selected(_messages(engine, container, options), options):
        yield entry.stream, entry.data


async def _selected(messages: AsyncIterator[LogEntry], options: LogOptions) -> AsyncIterator[LogEntry]:
    async for entry in messages:
        if options.until and entry.time > options.until:
            return
        if entry.time < options.since or not (options.stdout if entry.stream == 1 else options.stderr):
            continue
        yield entry


async def _messages(engine: Engine, container: Container, options: LogOptions) -> AsyncIterator[LogEntry]:
    path = folders.log_file(engine.settings, container.id)
    follow = options.follow and container.state.alive
    if not follow:
        async for entry in _to_end(path, options.tail):
            yield entry
        return
    from engine.state.changes import Changes

    database = engine.database
    log = database.path.with_name(database.path.name + "-wal")
    async with Changes(database.wake_file, log, files=[path]) as changes:
        joiner = Joiner()
        file = await off_loop(_open, path, options.tail)
        if file is None:
            return
        with file:
            rest = b""
            while True:
                # The state is read before the file, so that what the last lines of a container are is known.
                ended = not await off_loop(_runs, engine, container.id, container.state.run)
                while block := await off_loop(file.read, BLOCK):
                    *lines, rest = (rest + block).split(b"\n")
                    for entry in joiner.feed(lines):
                        yield entry
                if ended:
                    for entry in joiner.end():
                        yield entry
                    return
                await changes.wait()


def _runs(engine: Engine, container_id: str, run: int) -> bool:
    try:
        state = rows.get(engine.database, container_id).state
    except NoSuchContainer:
        return False
    return state.alive and state.run == run


async def _to_end(path: Path, tail: int | None) -> AsyncIterator[LogEntry]:
    file = await off_loop(_open, path, tail)
    if file is None:
        return
    joiner = Joiner()
    with file:
        rest = b""
        while block := await off_loop(file.read, BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            for entry in joiner.feed(lines):
                yield entry
        for entry in joiner.end():
            yield entry


def _open(path: Path, tail: int | None) -> BinaryIO | None:
    """Open the log at its start, or where its last messages begin."""
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - the caller closes it
    except FileNotFoundError:
        return None
    if tail is not None:
        file.seek(_tail_offset(file, tail))
    return file


def _tail_offset(file: BinaryIO, messages: int) -> int:
    """Return the offset at which the last so many messages begin, reading from the end backwards.

    A message ends with an F record; pieces before it belong to it. Two streams that write pieces in turn
    may bring a little more than was asked for.
    """
    end = file.seek(0, os.SEEK_END)
    if messages <= 0:
        return end
    found = 0
    last_open = True  # whether the records read so far, at the very end, are pieces without an end
    for offset, line in _records_backwards(file, end):
        parts = line.split(b" ", 3)
        if len(parts) == 4 and parts[2] == b"F":
            if found == messages:
                return offset + len(line) + 1
            found += 1
        elif last_open and found == 0 and len(parts) == 4:
            found += 1
            if found > messages:
                return offset + len(line) + 1
        last_open = False
    return 0


def _records_backwards(file: BinaryIO, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, line without newline) from the last record to the first."""
    position, rest = end, b""
    while position > 0:
        size = min(BLOCK, position)
        position -= size
        file.seek(position)
        block = b""
        while len(block) < size:
            piece = file.read(size - len(block))
            if not piece:
                break
            block += piece
        block += rest
        lines = block.split(b"\n")
        rest = lines[0]
        at = position + len(block)
        for line in reversed(lines[1:]):
            at -= len(line)
            if line:
                yield at, line
            at -= 1
    if rest:
        yield 0, rest
