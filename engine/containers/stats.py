"""What a container uses, once or every second.

One that does not run uses nothing, and is told of all the same until it is removed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from engine.containers import rows
from engine.errors import NoSuchContainer
from engine.off_loop import off_loop
from engine.runtime import cgroup_of, usage
from engine.runtime.usage import Usage

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.record import Container

INTERVAL = 1.0  # seconds


def sample(container: Container) -> Usage:
    """Return what a container uses now; a Usage() when it does not run."""
    state = container.state
    groups = cgroup_of.find(state.pid, container.id) if state.alive else None
    if groups is None:
        return Usage()
    try:
        return usage.read(groups, state.pid, time.time_ns())
    except FileNotFoundError:  # it has just ended
        return Usage()


async def stats(engine: Engine, name: str) -> AsyncGenerator[tuple[Container, Usage], None]:
    """Give a container with what it uses, at once and then every second, until it is removed.

    The seconds are counted from the first look, so that slow looks and slow clients do not add up; what could not be
    taken in time is left out. Raises NoSuchContainer before the first result only.
    """
    from engine.state.changes import Changes

    container_id = await off_loop(rows.find_id, engine.database, name)
    container = await off_loop(rows.get, engine.database, container_id)
    database = engine.database
    log = database.path.with_name(database.path.name + "-wal")
    loop = asyncio.get_running_loop()
    async with Changes(database.wake_file, log) as changes:
        due = loop.time()
        while True:
            yield container, await off_loop(sample, container)
            due = next_due(due, loop.time())
            while (left := due - loop.time()) > 0:
                try:
                    await asyncio.wait_for(changes.wait(), left)
                except TimeoutError:
                    break
                if not await off_loop(_is_there, engine, container_id):
                    return
            try:
                container = await off_loop(rows.get, database, container_id)
            except NoSuchContainer:
                return


def next_due(last: float, now: float) -> float:
    """Return the first whole interval after last that is not over yet."""
    return last + INTERVAL * max(1, -((last - now) // INTERVAL))


def _is_there(engine: Engine, container_id: str) -> bool:
    try:
        rows.get(engine.database, container_id)
    except NoSuchContainer:
        return False
    return True
