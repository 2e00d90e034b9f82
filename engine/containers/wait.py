"""Waiting for a container to end or to be removed, in whatever process that happens.

The exit code comes from the events, which are written in the transaction that makes it true: so a waiter
gets the code of the run it waited for, even when the container is gone or runs again by then. A waiter
also watches the run folder, and records an exit code that it sees there without leaving it to the exit command.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from engine.containers import folders, rows
from engine.containers.record import RESTARTING
from engine.containers.settle import settle_exit
from engine.errors import Conflict, InvalidParameter, NoSuchContainer
from engine.lean_dataclasses import dataclass
from engine.off_loop import off_loop
from engine.runtime import monitor

if TYPE_CHECKING:
    from types import TracebackType

    from engine import Engine
    from engine.containers.record import Container, State
    from engine.state.changes import Changes

NOT_RUNNING = "not-running"
NEXT_EXIT = "next-exit"
REMOVED = "removed"
HEALTHY = "healthy"  # our own addition: dockerd has none
CONDITIONS = (NOT_RUNNING, NEXT_EXIT, REMOVED, HEALTHY)


class InvalidCondition(InvalidParameter):
    """A wait condition that does not exist."""

    def __init__(self, condition: str) -> None:
        super().__init__(f"invalid condition: {condition!r}")
        self.condition = condition


class NotChecked(Conflict):
    """Nobody can wait for the health of a container that has no health check."""

    def __init__(self, name: str) -> None:
        super().__init__(f"container {name} has no health check")
        self.name = name


ENDED_EARLY = "the container ended before it was healthy"


@dataclass(frozen=True, slots=True)
class ExitResult:
    """How a container ended; error is set when it could not be removed or started."""

    exit_code: int
    error: str = ""


class Waiter:
    """A registered wait: enter it, then ask for the result; an end after entering is never missed."""

    def __init__(self, engine: Engine, container: Container, condition: str) -> None:
        self._engine = engine
        self._id = container.id
        self._condition = condition
        self._since = 0
        self._last_code = 0
        self.known = self._over(container.state)  # from the start, as the container does not run
        self._to_restart = False
        self._changes: Changes | None = None
        self._monitor = -1  # a pidfd of the monitor, whose sudden death is an end as well
        self._monitor_of = 0  # the run that it belongs to

    async def __aenter__(self) -> Waiter:
        if self.known is not None:
            return self
        database, settings = self._engine.database, self._engine.settings
        self._since = self._engine.events.last_id()
        state = rows.get(database, self._id).state
        self.known = self._over(state)
        if self.known is not None:
            return self
        from engine.state.changes import Changes

        self._last_code = state.exit_code
        run_folder = folders.run(settings, self._id)
        run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = database.path.with_name(database.path.name + "-wal")
        self._changes = await Changes(database.wake_file, log, [run_folder]).__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave_monitor()
        if self._changes is not None:
            await self._changes.__aexit__(kind, error, trace)

    async def result(self) -> ExitResult:
        """Return the result once the condition holds."""
        if self.known is not None:
            return self.known
        assert self._changes is not None
        while True:
            found = await off_loop(self._look)
            if isinstance(found, ExitResult):
                return found
            self._watch_monitor(found)
            await self._changes.wait()

    def _over(self, state: State) -> ExitResult | None:
        """Return the result if a container that stands so is waited for no longer."""
        over = self._condition == NOT_RUNNING and not state.alive and state.status != RESTARTING
        return ExitResult(state.exit_code) if over else None

    def _watch_monitor(self, state: State) -> None:
        """Wake when the monitor of the current run ends: killed, it leaves no exit code."""
        if not state.alive or state.run == self._monitor_of or self._changes is None:
            return
        self._leave_monitor()
        try:
            self._monitor = os.pidfd_open(state.monitor_pid)
        except OSError:
            self._changes.poke()
            return
        self._monitor_of = state.run
        asyncio.get_running_loop().add_reader(self._monitor, self._monitor_ended)

    def _monitor_ended(self) -> None:
        self._leave_monitor()
        if self._changes is not None:
            self._changes.poke()

    def _leave_monitor(self) -> None:
        if self._monitor >= 0:
            asyncio.get_running_loop().remove_reader(self._monitor)
            os.close(self._monitor)
            self._monitor = -1

    def _look(self) -> ExitResult | State:
        run_folder = folders.run(self._engine.settings, self._id)
        if monitor.exit_code(run_folder) is not None or (self._monitor_of and self._monitor < 0):
            settle_exit(self._engine, self._id)
        code: int | None = None
        for event in self._engine.events.of(self._id, self._since):
            if event.action == "die":
                code = int(event.attributes["exitCode"])
                if self._condition == HEALTHY:
                    return ExitResult(code, ENDED_EARLY)
                if self._condition != REMOVED:
                    return ExitResult(code)
        try:
            state = rows.get(self._engine.database, self._id).state
        except NoSuchContainer:
            return ExitResult(
                self._last_code if code is None else code, ENDED_EARLY if self._condition == HEALTHY else ""
            )
        if self._condition == HEALTHY and state.status == "running" and state.health == HEALTHY:
            return ExitResult(0)
        if state.status == RESTARTING:
            self._to_restart = True
        elif not state.alive and (
            self._condition == NOT_RUNNING or (self._condition == NEXT_EXIT and self._to_restart)
        ):
            return ExitResult(state.exit_code)  # also when a client's stop has ended its restarts
        return state


async def wait(engine: Engine, name: str, condition: str) -> Waiter:
    """Register a wait for a container's end; use the result as an async context manager.

    condition: "not-running" (at once when it does not run), "next-exit", "removed", or "healthy", whose
    result is 0 once the health check succeeds. Raises NoSuchContainer, InvalidCondition, NotChecked.
    """
    if condition not in CONDITIONS:
        raise InvalidCondition(condition)
    container = rows.find(engine.database, name)
    if condition == HEALTHY:
        from engine.containers.health import command

        if command(container.config.healthcheck, container.config.shell) is None:
            raise NotChecked(name)
    return Waiter(engine, container, condition)
