"""Views of containers' files that stay open for a moment after their last use: `docker cp` asks two or three times.

Only those of containers without volumes and binds are kept: nothing but the container's own root stays in use. A view
belongs to a container as it was; once that has changed it is closed. Who unmounts a root closes what this process keeps
of it (drop), and who is killed leaves no more than an open view would (engine.containers.view).
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.containers.record import Container

KEPT_SECONDS = 0.3


class Kept:
    """An open view: held is closed with it, and let_go is called after that, unless somebody else does its work."""

    def __init__(self, container: Container, root: int, held: ExitStack, let_go: Callable[[], object]) -> None:
        self.container = container
        self.root = root
        self.held = held
        self.let_go = let_go
        self.users = 1
        self.until = 0.0  # of time.monotonic, while nobody uses it


class KeptViews:
    """The views that a process keeps, by their containers' ids; an id is one engine's."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._views: dict[str, Kept] = {}
        self._closing: threading.Thread | None = None
        self._ending = False

    def take(self, container: Container) -> Kept | None:
        """Return the view of a container as it is now, to be given back; None where there is none."""
        with self._changed:
            kept = self._views.get(container.id)
            if kept is None or kept.container != container:
                return None
            kept.users += 1
            return kept

    def add(self, kept: Kept) -> None:
        """Share a view that has been opened, in the place of an older one; it has to be given back."""
        with self._changed:
            older = self._views.pop(kept.container.id, None)
            self._views[kept.container.id] = kept
        if older is not None and not older.users:
            _close_soon(older)

    def give_back(self, kept: Kept) -> None:
        """Note that one user less needs a view; it is closed in a while if no other comes."""
        with self._changed:
            kept.users -= 1
            if kept.users:
                return
            if self._views.get(kept.container.id) is kept and not self._ending:
                kept.until = time.monotonic() + KEPT_SECONDS
                if self._closing is None:
                    self._closing = threading.Thread(target=self._close_in_time, name="close views", daemon=True)
                    self._closing.start()
                return
        _close_soon(kept)

    def drop(self, container_id: str) -> None:
        """Close a container's view unless it is in use; the caller does what is to be done after that."""
        with self._changed:
            kept = self._views.get(container_id)
            if kept is None or kept.users:
                return
            del self._views[container_id]
        kept.held.close()

    def end(self) -> None:
        """Close all that nobody uses; the process ends."""
        with self._changed:
            self._ending = True
            self._changed.notify()
            closing = self._closing
        if closing is not None:
            closing.join()

    def _close_in_time(self) -> None:
        while True:
            with self._changed:
                unused = [kept for kept in self._views.values() if not kept.users]
                now = time.monotonic()
                due = [kept for kept in unused if self._ending or kept.until <= now]
                for kept in due:
                    del self._views[kept.container.id]
                if not unused:
                    self._closing = None
                    return
                if not due:
                    self._changed.wait(min(kept.until for kept in unused) - now)
                    continue
            for kept in due:
                _close(kept)


def _close(kept: Kept) -> None:
    kept.held.close()
    kept.let_go()


def _close_soon(kept: Kept) -> None:
    from engine.off_loop import afterwards

    afterwards(_close, kept)


views = KeptViews()
atexit.register(views.end)
