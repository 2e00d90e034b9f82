"""One process at a time fetches an image; the others wait, and find it there.

Pulls of one process share their layers (engine.registry.transfers), so they hold the lock together: a flock that the
kernel frees when the process dies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from engine.locks import forget, locked
from engine.off_loop import off_loop


class _Held:
    """A lock that this process has, or waits for."""

    def __init__(self) -> None:
        self.users = 0
        self.stack = ExitStack()
        self.taking: asyncio.Task[None] | None = None


class SingleFlight:
    """The images that one process fetches, on one loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, _Held] = {}

    @asynccontextmanager
    async def of(self, image_id: str) -> AsyncIterator[None]:
        """Hold the right to fetch an image while the block runs; waits while another process has it."""
        name = f"pull/{image_id}"
        held = self._held.get(name)
        if held is None:
            held = self._held[name] = _Held()
            held.taking = asyncio.create_task(self._take(name, held), name=name)
        held.users += 1
        taking = held.taking
        try:
            if taking is not None:
                await asyncio.shield(taking)
            yield
        finally:
            held.users -= 1
            if not held.users and (taking is None or taking.done()):
                self._give_back(name, held)

    async def _take(self, name: str, held: _Held) -> None:
        await off_loop(held.stack.enter_context, locked(self._folder, name))
        if not held.users:  # nobody waited so long
            self._give_back(name, held)

    def _give_back(self, name: str, held: _Held) -> None:
        if self._held.get(name) is held:
            del self._held[name]
        forget(self._folder, name)
        held.stack.close()
