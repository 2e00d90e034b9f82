"""Unmounting a container's root only when nobody looks into it: the lock that its open views hold, shared.

A view (engine.containers.view) keeps the root mounted after the container's end, so that the next start finds the same
mount and never makes a second one of the same folders.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from engine import locks
from engine.containers.kept_views import views
from engine.errors import NoSuchContainer

if TYPE_CHECKING:
    from engine import Engine


def view_lock_name(container_id: str) -> str:
    """Return the name of the lock of a container's views (engine.locks)."""
    return f"view/{container_id}"


def unmount(engine: Engine, container_id: str) -> None:
    """Unmount a container's root unless a view is in use; the container's lock is held. Can be repeated."""
    views.drop(container_id)
    name = view_lock_name(container_id)
    with suppress(NoSuchContainer):  # its creation was cut off before it had a layer
        if not (engine.settings.locks / name).exists():
            engine.store.unmount(container_id)
            return
        with locks.try_locked(engine.settings.locks, name) as alone:
            if alone:
                engine.store.unmount(container_id)


def forget(engine: Engine, container_id: str) -> None:
    """Delete the lock of a container that has gone."""
    locks.forget(engine.settings.locks, view_lock_name(container_id))
