"""One inotify instance for all that a process watches: a user may have only so many (128 by default).

Subscribers (engine.state.changes.Watch) are told which of their watches has seen something. Where no instance is to be
had, every subscriber is woken again and again, so that it looks for itself.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import weakref
from pathlib import Path
from typing import Protocol

from engine import syscalls

IN_IGNORED = 0x8000
IN_Q_OVERFLOW = 0x4000
IN_MASK_ADD = 0x2000_0000
LOOK_AGAIN_SECONDS = 0.25  # without an instance
_HEADER_BYTES = 16  # struct inotify_event: int wd; uint32 mask, cookie, len
_READ_BYTES = 65536

log = logging.getLogger(__name__)


class Subscriber(Protocol):
    """One who watches."""

    def seen(self, watch: int) -> None:
        """Something happened at the watch, or at any one when it is negative."""


class Hub:
    """The instance of one event loop, and who watches what by it."""

    def __init__(self) -> None:
        self._watches: dict[int, dict[Subscriber, int]] = {}  # by watch: the events that each is interested in
        self._subscribers: set[Subscriber] = set()  # where there is no instance
        self._again: asyncio.TimerHandle | None = None
        try:
            self._fd = syscalls.inotify_init1()
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            self._fd = -1
            log.warning(
                "No inotify instance is left for this user (fs.inotify.max_user_instances): looking now and then"
            )
            return
        asyncio.get_running_loop().add_reader(self._fd, self._readable)
        weakref.finalize(self, os.close, self._fd)

    def add(self, subscriber: Subscriber, path: Path, mask: int) -> int:
        """Watch a path for a subscriber; returns the watch. Raises OSError, such as FileNotFoundError."""
        if self._fd < 0:
            os.stat(path)
            self._subscribers.add(subscriber)
            self._look_again()
            return 0
        watch = syscalls.inotify_add_watch(self._fd, path, mask | IN_MASK_ADD)
        masks = self._watches.setdefault(watch, {})
        masks[subscriber] = masks.get(subscriber, 0) | mask
        return watch

    def leave(self, subscriber: Subscriber) -> None:
        """Take a subscriber's watches away."""
        self._subscribers.discard(subscriber)
        for watch in [watch for watch, masks in self._watches.items() if subscriber in masks]:
            del self._watches[watch][subscriber]
            if not self._watches[watch]:
                del self._watches[watch]
                syscalls.inotify_rm_watch(self._fd, watch)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            watch = int.from_bytes(data[at : at + 4], "little", signed=True)
            mask = int.from_bytes(data[at + 4 : at + 8], "little")
            at += _HEADER_BYTES + int.from_bytes(data[at + 12 : at + _HEADER_BYTES], "little")
            if mask & IN_Q_OVERFLOW:
                for subscriber in {each for masks in self._watches.values() for each in masks}:
                    subscriber.seen(-1)
                continue
            gone = mask & IN_IGNORED
            masks = self._watches.pop(watch, {}) if gone else self._watches.get(watch, {})
            for subscriber, wanted in list(masks.items()):
                if gone or mask & wanted:
                    subscriber.seen(watch)

    def _look_again(self) -> None:
        if self._again is None and self._subscribers:
            self._again = asyncio.get_running_loop().call_later(LOOK_AGAIN_SECONDS, self._wake_all)

    def _wake_all(self) -> None:
        self._again = None
        for subscriber in list(self._subscribers):
            subscriber.seen(-1)
        self._look_again()


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def hub() -> Hub:
    """Return the running loop's hub."""
    loop = asyncio.get_running_loop()
    found = _hubs.get(loop)
    if found is None:
        found = _hubs[loop] = Hub()
    return found
