"""Reading a container's log: whole, from its tail, or as it grows."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.containers import folders, log_drivers, rows
from engine.containers.log_attributes import attributes
from engine.containers.log_files import LogFiles
from engine.containers.log_format import ERR, OUT, Message, stamp_of
from engine.containers.record import DEAD, REMOVING
from engine.errors import Conflict, NoSuchContainer, NotImplementedHere
from engine.off_loop import off_loop

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.record import Container


class LogsUnreadable(NotImplementedHere):
    """The container's log driver keeps nothing that could be read."""

    def __init__(self, driver: str) -> None:
        super().__init__(f"the log driver {driver} does not support reading")
        self.driver = driver


class LogsOfRemoved(Conflict):
    """The container is being removed."""

    def __init__(self, container_id: str) -> None:
        super().__init__("can not get logs from container which is dead or marked for removal")
        self.container_id = container_id


_FIRST_BATCHES = 2  # read at once when a log is opened, so that for a short one no thread is asked again


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


@dataclass(frozen=True, slots=True)
class Log:
    """A container's log: its messages in batches, oldest first, and what its driver was told to put with each."""

    container: Container
    batches: AsyncIterator[list[Message]]
    attributes: dict[str, str] = field(default_factory=dict)


async def logs(engine: Engine, name: str, options: LogOptions) -> Log:
    """Return a container's log; with follow, until it ends.

    Raises NoSuchContainer, LogsOfRemoved, LogsUnreadable, LogOptionUnusable, InvalidLogOption, JournalctlMissing.
    """
    container = await off_loop(_look_up, engine, name)
    if container.state.status in (REMOVING, DEAD):
        raise LogsOfRemoved(container.id)
    driver = container.host.log_config.type
    if driver == log_drivers.NONE:
        raise LogsUnreadable(driver)
    log_drivers.keeping(container.host.log_config)
    if driver == log_drivers.JOURNALD:
        from engine.containers import journal_reader

        journal_reader.program()
    return Log(container, _selected(_batches(engine, container, options), options), attributes(container))


def why_no_history(container: Container) -> str:
    """Return in dockerd's words why what a container has written cannot be replayed, "" if it can."""
    if container.host.log_config.type == log_drivers.NONE:
        unknown = "logger: no log driver named 'none' is registered: error looking up logging plugin none"
        return f'failed to get logging factory: {unknown}: plugin "none" not found'
    try:
        log_drivers.keeping(container.host.log_config)
    except log_drivers.LogOptionUnusable as error:
        return str(error)
    return ""


async def history(
    engine: Engine, container: Container, *, stdout: bool, stderr: bool
) -> AsyncIterator[list[tuple[int, bytes]]]:
    """Yield what a container has written so far as (stream, data)."""
    options = LogOptions(stdout=stdout, stderr=stderr)
    async for batch in _selected(_batches(engine, container, options), options):
        if batch:
            yield [(1 if stream == OUT else 2, text) for _, stream, _, text in batch]


async def _selected(batches: AsyncIterator[list[Message]], options: LogOptions) -> AsyncIterator[list[Message]]:
    since = stamp_of(options.since) if options.since > 0 else b""
    until = stamp_of(options.until) if options.until else b""
    wanted = {OUT} if not options.stderr else {ERR} if not options.stdout else None
    async for batch in batches:
        over = None
        if until:
            over = next((number for number, message in enumerate(batch) if message[0] > until), None)
            batch = batch[:over]
        if since:
            batch = [message for message in batch if message[0] >= since]
        if wanted is not None:
            batch = [message for message in batch if message[1] in wanted]
        yield batch
        if over is not None:
            return


def _batches(engine: Engine, container: Container, options: LogOptions) -> AsyncIterator[list[Message]]:
    if container.host.log_config.type == log_drivers.JOURNALD:
        from engine.containers import journal_reader

        runs = functools.partial(_runs, engine, container.id, container.state.run)
        return journal_reader.batches(engine, container, options, runs)
    return _from_files(engine, container, options)


async def _from_files(engine: Engine, container: Container, options: LogOptions) -> AsyncIterator[list[Message]]:
    path = folders.log_file(engine.settings, container.id)
    if not (options.follow and container.state.alive):
        # What waits for its newline in a container that runs is not in the log yet.
        reader, ended, first = await off_loop(_begin, engine, container, options)
        try:
            for ready in first:
                yield ready
            while len(first) == _FIRST_BATCHES and (batch := await off_loop(reader.read)) is not None:
                yield batch
            if ended:
                yield reader.end()
        finally:
            reader.close()
        return
    from engine.state.changes import Changes

    database = engine.database
    wal = database.path.with_name(database.path.name + "-wal")
    async with Changes(database.wake_file, wal, growing=[path.parent]) as changes:
        reader = await off_loop(LogFiles, path, since=options.since, tail=options.tail, grows=True)
        try:
            while True:
                # The state is read before the file, so that what the last lines of a container are is known.
                ended = not await off_loop(_runs, engine, container.id, container.state.run)
                while (batch := await off_loop(reader.read)) is not None:
                    yield batch
                if ended:
                    yield reader.end()
                    return
                await changes.wait()
        finally:
            reader.close()


def _begin(engine: Engine, container: Container, options: LogOptions) -> tuple[LogFiles, bool, list[list[Message]]]:
    """Open a log; returns also whether its container has ended, and its first batches: fewer than that are all."""
    ended = not _runs(engine, container.id, container.state.run)
    path = folders.log_file(engine.settings, container.id)
    reader = LogFiles(path, since=options.since, tail=options.tail, grows=not ended)
    first: list[list[Message]] = []
    while len(first) < _FIRST_BATCHES and (batch := reader.read()) is not None:
        first.append(batch)
    return reader, ended, first


def _look_up(engine: Engine, name: str) -> Container:
    return rows.find(engine.database, name)


def _runs(engine: Engine, container_id: str, run: int) -> bool:
    try:
        state = rows.get(engine.database, container_id).state
    except NoSuchContainer:
        return False
    return state.alive and state.run == run
