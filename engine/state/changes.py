"""Waiting for something to change, without asking again and again.

Every commit touches Settings.run_root/changed (engine.state.database) and whoever waits has an inotify watch on
it. A process killed between its commit and the touch would leave waiters asleep, so they watch the
database's write-ahead log as well: a write there that no touch follows wakes them a little later.
More paths can be watched along: folders for their entries (a container's run folder, to see its exit code
arrive) and folders for the growth of what is in them (its log).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from engine import syscalls
from engine.state.inotify_hub import hub

TOUCH_GRACE_SECONDS = 0.1  # how long after a write to the log its touch is awaited

Self = TypeVar("Self", bound="Watch")


class Watch:
    """An open watch: enter it, look at the state, wait, look again. Misses nothing after entering."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def __aenter__(self: Self) -> Self:
        try:
            self._add_watches()
        except BaseException:
            hub().leave(self)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        hub().leave(self)

    async def wait(self) -> None:
        """Return when something has changed since entering or since the last return."""
        await self._event.wait()
        self._event.clear()

    def poke(self) -> None:
        """Wake the one who waits: something that this watch does not see has changed."""
        self._event.set()

    def seen(self, watch: int) -> None:
        """Take the news that something happened at a watch; the hub calls this."""
        self._event.set()

    def _add_watches(self) -> None:
        raise NotImplementedError


class FolderWatch(Watch):
    """A watch on the entries of folders that are there. Raises FileNotFoundError on entering for one that is not."""

    def __init__(self, mask: int, *folders: Path) -> None:
        super().__init__()
        self._mask = mask
        self._folders = folders

    def _add_watches(self) -> None:
        for folder in self._folders:
            hub().add(self, folder, self._mask)


class Changes(Watch):
    """A watch on an engine's state, and on some folders' entries and growing files where these are there."""

    def __init__(
        self, wake_file: Path, log: Path | None = None, also: Iterable[Path] = (), growing: Iterable[Path] = ()
    ) -> None:
        super().__init__()
        self._wake_file = wake_file
        self._log = log
        self._folders = also
        self._growing = growing
        self._log_watch = -1
        self._late: asyncio.TimerHandle | None = None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if self._late is not None:
            self._late.cancel()

    def _add_watches(self) -> None:
        self._wake_file.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        self._wake_file.touch(0o600)
        hub().add(self, self._wake_file, syscalls.IN_MODIFY)
        if self._log is not None and self._log.exists():
            self._log_watch = hub().add(self, self._log, syscalls.IN_MODIFY)
        entries = syscalls.IN_CREATE | syscalls.IN_MOVED_TO | syscalls.IN_CLOSE_WRITE | syscalls.IN_DELETE
        for folder in self._folders:
            if folder.exists():
                hub().add(self, folder, entries | syscalls.IN_DELETE_SELF)
        for folder in self._growing:
            if folder.exists():
                hub().add(self, folder, syscalls.IN_MODIFY | syscalls.IN_MOVED_TO)

    def seen(self, watch: int) -> None:
        """Wake at once, but after a write to the log only when no touch follows; the hub calls this."""
        if watch != self._log_watch or watch < 0:
            if self._late is not None:
                self._late.cancel()
                self._late = None
            self._event.set()
        elif self._late is None:
            self._late = asyncio.get_running_loop().call_later(TOUCH_GRACE_SECONDS, self._late_wake)

    def _late_wake(self) -> None:
        self._late = None
        self._event.set()
