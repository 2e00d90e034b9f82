"""The journal of what happened: rows with a growing id, replayed exactly and followed without polling.

An event is written in the transaction that makes it true (engine.state.database.Transaction.event), so that it
is there exactly when the change is. Filtering is the caller's: an Event carries all that there is.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from engine.hurry import A_FEW, WouldWait, is_hurried
from engine.lean_dataclasses import dataclass, field
from engine.off_loop import off_loop

if TYPE_CHECKING:
    import sqlite3

    from engine import Engine
    from engine.state.changes import Changes

BATCH = 500


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an object; time is nanoseconds since 1970."""

    id: int
    time: int
    type: str
    action: str
    actor: str
    attributes: dict[str, str] = field(default_factory=dict)


class Events:
    """The journal of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def last_id(self) -> int:
        """Return the id of the newest event, 0 when there is none."""
        row = self._engine.database.row("SELECT max(id) FROM events")
        return int(row[0] or 0) if row else 0

    def after(self, event_id: int, *, until: int | None = None, limit: int = BATCH) -> list[Event]:
        """Return up to limit events that came after event_id, oldest first, none later than the time until."""
        rows = self._engine.database.rows(
            "SELECT * FROM events WHERE id > ? AND time <= ? ORDER BY id LIMIT ?",
            (event_id, (1 << 63) - 1 if until is None else until, limit),
        )
        return [_event(row) for row in rows]

    def before_time(self, time: int) -> int:
        """Return the id of the last event older than time, so that after() begins at time."""
        if is_hurried():
            newest = self._engine.database.rows("SELECT id, time FROM events ORDER BY id DESC LIMIT ?", (BATCH,))
            if len(newest) == BATCH and newest[-1]["time"] >= time:
                raise WouldWait
            return next((row["id"] for row in newest if row["time"] < time), 0)
        row = self._engine.database.row("SELECT max(id) FROM events WHERE time < ?", (time,))
        return int(row[0] or 0) if row else 0

    def of(self, actor: str, event_id: int) -> list[Event]:
        """Return the events of one object that came after event_id."""
        rows = self._engine.database.rows(
            "SELECT * FROM events WHERE id > ? AND actor = ? ORDER BY id", (event_id, actor)
        )
        return [_event(row) for row in rows]

    def watch(self) -> Changes:
        """Return a watch that wakes at every change of this engine; see engine.state.changes."""
        from engine.state.changes import Changes

        database = self._engine.database
        return Changes(database.wake_file, database.path.with_name(database.path.name + "-wal"))

    async def follow(self, event_id: int, *, until: int | None = None) -> AsyncIterator[list[Event]]:
        """Yield every event after event_id as it happens, with those of the same moment; with until, end at that time.

        What there is already comes in batches.
        """
        import asyncio
        import time

        if until is not None and until < time.time_ns():
            async for batch in self._there(event_id, until):
                yield batch
            return
        self.last_id()  # opens the database, so that its log is there to be watched
        async with self.watch() as changes:
            while True:
                async for batch in self._there(event_id, until):
                    event_id = batch[-1].id
                    yield batch
                if until is None:
                    await changes.wait()
                    continue
                remaining = (until - time.time_ns()) / 1e9
                if remaining <= 0:
                    return
                try:
                    async with asyncio.timeout(remaining):
                        await changes.wait()
                except TimeoutError:
                    pass

    async def _there(self, event_id: int, until: int | None) -> AsyncIterator[list[Event]]:
        """Yield the events after event_id that there are now."""
        batch, wanted = self.after(event_id, until=until, limit=A_FEW), A_FEW
        while batch:
            yield batch
            if len(batch) < wanted:
                return
            batch, wanted = await off_loop(self.after, batch[-1].id, until=until), BATCH


def _event(row: sqlite3.Row) -> Event:
    event_id, at, kind, action, actor, attributes = row  # the table's columns, in order
    return Event(event_id, at, kind, action, actor, json.loads(attributes))
