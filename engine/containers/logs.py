"""Reading a container's log: whole, from its tail, or as it grows."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from engine.containers import folders, log_drivers, rows
from engine.containers.log_attributes import attributes
from engine.containers.log_files import LogFiles
from engine.containers.log_format import ERR, OUT, Message, stamp_of
from engine.containers.record import DEAD, REMOVING
from engine.errors import Conflict, NoSuchContainer, NotImplementedHere
from engine.lean_dataclasses import dataclass, field
from engine.off_loop import in_a_hurry, off_loop

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
    """A container's log: its messages, oldest first, and what its driver was told to put with each."""

    container: Container
    first: list[Message]  # what was there when it was opened, or the beginning of that
    more: AsyncIterator[list[Message]] | None  # what comes after it, in batches; None for nothing
    attributes: dict[str, str] = field(default_factory=dict)


async def logs(engine: Engine, name: str, options: LogOptions) -> Log:
    """Return a container's log; with follow, until it ends.

    Raises NoSuchContainer, LogsOfRemoved, LogsUnreadable, LogOptionUnusable, InvalidLogOption, JournalctlMissing.
    """
    container, begun = await (off_loop if options.tail is None else in_a_hurry)(_open, engine, name, options)
    selection = Selection(options)
    told = attributes(container, str(folders.log_file(engine.settings, container.id)))
    if begun is None:
        more: AsyncIterator[list[Message]] = _growing(engine, container, options)
        return Log(container, [], _selected(more, selection), told)
    first = [message for batch in begun.first for message in selection.of(batch)]
    rest = None if begun.whole else _selected(_rest(begun), selection)
    return Log(container, first, rest, told)


def _open(engine: Engine, name: str, options: LogOptions) -> tuple[Container, Begun | None]:
    """Look a container up, and begin to read its log where that is a file of which no more is wanted than there is."""
    container = rows.find(engine.database, name)
    if container.state.status in (REMOVING, DEAD):
        raise LogsOfRemoved(container.id)
    driver = container.host.log_config.type
    if driver == log_drivers.NONE:
        raise LogsUnreadable(driver)
    log_drivers.keeping(container.host.log_config)
    if driver == log_drivers.JOURNALD:
        from engine.containers import journal_reader

        journal_reader.program()
        return container, None
    if options.follow and container.state.alive:
        return container, None
    return container, _begin(engine, container, options, ended=not container.state.alive)


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
    if container.host.log_config.type == log_drivers.JOURNALD:
        batches = _growing(engine, container, options)
    else:
        batches = _whole(await off_loop(_begin_now, engine, container, options))
    async for batch in _selected(batches, Selection(options)):
        if batch:
            yield [(1 if stream == OUT else 2, text) for _, stream, _, text in batch]


class Selection:
    """Picks the messages that were asked for; over is set when no later one can be."""

    def __init__(self, options: LogOptions) -> None:
        self._since = stamp_of(options.since) if options.since > 0 else b""
        self._until = stamp_of(options.until) if options.until else b""
        self._stream = OUT if not options.stderr else ERR if not options.stdout else b""
        self.over = False

    def of(self, batch: list[Message]) -> list[Message]:
        """Return those of a batch."""
        if self.over:
            return []
        if self._until:
            end = next((number for number, message in enumerate(batch) if message[0] > self._until), None)
            self.over = end is not None
            batch = batch[:end]
        if self._since:
            batch = [message for message in batch if message[0] >= self._since]
        if self._stream:
            batch = [message for message in batch if message[1] == self._stream]
        return batch


@dataclass(frozen=True, slots=True)
class Begun:
    """A log file of which the first batches have been read."""

    reader: LogFiles
    ended: bool  # nothing more is written to it
    first: list[list[Message]]
    whole: bool  # those are all


def _begin_now(engine: Engine, container: Container, options: LogOptions) -> Begun:
    return _begin(engine, container, options, ended=not _runs(engine, container.id, container.state.run))


def _begin(engine: Engine, container: Container, options: LogOptions, *, ended: bool) -> Begun:
    """Open a log file; ended was found before: what waits for its newline until then is not in the log yet."""
    path = folders.log_file(engine.settings, container.id)
    reader = LogFiles(path, since=options.since, tail=options.tail, grows=not ended)
    first: list[list[Message]] = []
    while len(first) < _FIRST_BATCHES:
        batch = reader.read()
        if batch is None:
            if ended:
                first.append(reader.end())
            reader.close()
            return Begun(reader, ended, first, whole=True)
        first.append(batch)
    return Begun(reader, ended, first, whole=False)


async def _whole(begun: Begun) -> AsyncIterator[list[Message]]:
    for ready in begun.first:
        yield ready
    if not begun.whole:
        async for batch in _rest(begun):
            yield batch


async def _rest(begun: Begun) -> AsyncIterator[list[Message]]:
    """Yield what comes after the first batches."""
    try:
        while (batch := await off_loop(begun.reader.read)) is not None:
            yield batch
        if begun.ended:
            yield begun.reader.end()
    finally:
        begun.reader.close()


async def _selected(batches: AsyncIterator[list[Message]], selection: Selection) -> AsyncIterator[list[Message]]:
    try:
        async for batch in batches:
            yield selection.of(batch)
            if selection.over:
                return
    finally:
        close = getattr(batches, "aclose", None)
        if close is not None:
            await close()


def _growing(engine: Engine, container: Container, options: LogOptions) -> AsyncIterator[list[Message]]:
    if container.host.log_config.type == log_drivers.JOURNALD:
        from engine.containers import journal_reader

        runs = functools.partial(_runs, engine, container.id, container.state.run)
        return journal_reader.batches(engine, container, options, runs)
    return _growing_file(engine, container, options)


async def _growing_file(engine: Engine, container: Container, options: LogOptions) -> AsyncIterator[list[Message]]:
    """Yield the messages of a log file, and what comes, until the container has ended."""
    from engine.state.changes import Changes

    path = folders.log_file(engine.settings, container.id)
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


def _runs(engine: Engine, container_id: str, run: int) -> bool:
    try:
        state = rows.get(engine.database, container_id).state
    except NoSuchContainer:
        return False
    return state.alive and state.run == run
