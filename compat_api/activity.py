"""Whether the server is in use: what its idle exit looks at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from compat_api import memory

if TYPE_CHECKING:
    from compat_api.connection import Connection

TIDY_SECONDS = 0.5  # after a request has ended, memory that is free is given back


class Activity:
    """The connections, the requests in progress, and when anything last happened (the loop's clock).

    changed is set when a request or a connection ends, while that is minded; whoever waits for it clears it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._in_progress = 0
        self.changed = asyncio.Event()
        self.minded = True
        self.connections: set[Connection] = set()
        self.last = loop.time()
        self._tidying: asyncio.TimerHandle | None = None

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count as use while the block runs."""
        self._in_progress += 1
        try:
            yield
        finally:
            self._in_progress -= 1
            self.touch()
            self._tell()
            if self._tidying is None:
                self._tidying = self._loop.call_later(TIDY_SECONDS, self._tidy)

    def _tidy(self) -> None:
        self._tidying = None
        memory.give_back()

    def connected(self, connection: Connection) -> None:
        """Note that a connection is there."""
        self.connections.add(connection)
        self.touch()

    def disconnected(self, connection: Connection) -> None:
        """Note that a connection has gone."""
        self.connections.discard(connection)
        self._tell()

    def _tell(self) -> None:
        if self.minded:
            self.changed.set()

    def touch(self) -> None:
        """Note that something happened."""
        self.last = self._loop.time()

    @property
    def busy(self) -> bool:
        """Whether a request is in progress."""
        return self._in_progress > 0

    def open(self) -> bool:
        """Tell whether a connection is left that is not being closed."""
        return any(not connection.closing() for connection in self.connections)

    def idle_for(self) -> float:
        """Return for how many seconds nothing has happened."""
        return self._loop.time() - self.last
