"""Waiting for descriptors and for times, and calling who waits."""

from __future__ import annotations

import select
import sys
import time

TYPE_CHECKING = False  # typing and collections.abc would stay in memory
if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[], None]

READ, WRITE = select.EPOLLIN, select.EPOLLOUT


class Loop:
    """One epoll instance: who waits for which descriptor, and until when."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._calls: dict[int, Call] = {}
        self._times: dict[object, tuple[float, Call]] = {}
        self._running = True

    def watch(self, fd: int, events: int, call: Call) -> None:
        """Call whenever a descriptor is ready for events, instead of what was asked for before."""
        if fd in self._calls:
            self._poll.modify(fd, events)
        else:
            self._poll.register(fd, events)
        self._calls[fd] = call

    def forget(self, fd: int) -> None:
        """Call no more for a descriptor, which is about to be closed."""
        if self._calls.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def at(self, key: object, seconds: float, call: Call) -> None:
        """Call once after a time, instead of what was asked for under this key before."""
        self._times[key] = (time.monotonic() + seconds, call)

    def never(self, key: object) -> None:
        """Do not call what was asked for under this key."""
        self._times.pop(key, None)

    def end(self) -> None:
        """Let run return."""
        self._running = False

    def run(self) -> None:
        """Wait and call until the end."""
        while self._running:
            wait = min((each[0] for each in self._times.values()), default=None)
            try:
                ready = self._poll.poll(None if wait is None else max(0.0, wait - time.monotonic()))
            except InterruptedError:
                continue
            for fd, _ in ready:
                call = self._calls.get(fd)
                if call is not None:
                    _guarded(call)
            if wait is not None:
                self._due()

    def _due(self) -> None:
        now = time.monotonic()
        for key in [key for key, (when, _) in self._times.items() if when <= now]:
            found = self._times.pop(key, None)
            if found is not None:
                _guarded(found[1])


def _guarded(call: Call) -> None:
    """Call; one that fails is told of, and is no reason to leave all others unanswered."""
    try:
        call()
    except Exception:
        sys.excepthook(*sys.exc_info())
