"""Mending, when an engine starts, what killed processes left: one look at the rows that may be wrong.

A container that another process is at work on (its lock is held) is left to that process, and looked at again by the
next call. One whose lock outlives the process that took it, in a child that has not become another program yet, is
waited for.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine import locks
from engine.containers import folders, health, log_rotation, restarting, rows
from engine.containers.networks import undo_unfinished
from engine.containers.record import Container
from engine.containers.settle import clear_folders, settled
from engine.errors import EngineError, NoSuchContainer
from engine.runtime import monitor

if TYPE_CHECKING:
    from engine import Engine

log = logging.getLogger(__name__)


def reconcile(engine: Engine) -> bool:
    """Settle every container whose row does not agree with the machine; cheap when all do.

    Returns whether all is in order now: not while another process is at work on one of them, which may be killed.
    """
    left = [container.id for container, _ in _doubtful(engine) if not _mend(engine, container)]
    if engine.database.row("SELECT 1 FROM build_containers") or (engine.settings.run_root / "build").exists():
        engine.builds.recover()
    _sweep_orphans(engine)
    try:
        left += undo_unfinished(engine)
        engine.networks.reconcile()
    except (EngineError, OSError):
        log.exception("Networks: cannot mend them")
    return not left


def _mend(engine: Engine, container: Container) -> bool:
    """Settle a container and start what is to stay with it; False when another process is at work on it."""
    with locks.free_or_orphaned(engine.settings.locks, folders.lock_name(container.id)) as free:
        if not free:
            return False
        try:
            mended = settled(engine, container.id)
            if health.is_missing(engine, mended):
                health.begin(engine, mended)
            if log_rotation.is_missing(engine, mended):
                log_rotation.begin(engine, mended, log_rotation.check(mended))
            if restarting.is_missing(engine, mended):
                restarting.begin(engine, mended)
        except NoSuchContainer:
            pass
        except (EngineError, OSError):
            log.exception("Container %s: cannot mend it", container.id)
    return True


def doubtful(engine: Engine) -> list[str]:
    """Return, in words, what reconcile would mend."""
    found = [f"container {container.name} ({container.id[:12]}): {doubt}" for container, doubt in _doubtful(engine)]
    if engine.database.row("SELECT 1 FROM build_containers"):
        found.append("a build was cut off, or is under way, and has containers of its own")
    return found + [f"{parent / name}: the folder's container is gone" for parent, name in _orphans(engine)]


def _doubtful(engine: Engine) -> Iterator[tuple[Container, str]]:
    for row in engine.database.rows(
        f"SELECT {rows.COLUMNS} FROM containers WHERE intent != '' OR status IN ('running', 'paused', 'restarting')"
    ):
        container = rows.from_row(row)
        if doubt := _doubt(engine, container):
            yield container, doubt


def _doubt(engine: Engine, container: Container) -> str:
    state = container.state
    if state.intent:
        return f"its {state.intent} was cut off, or is under way"
    run_folder = folders.run(engine.settings, container.id)
    if state.boot_id != rows.boot_id():
        return "it ran when the machine went down"
    if restarting.is_missing(engine, container):
        return "it is to be restarted, and nobody waits to do so"
    if not state.alive:
        return ""
    if monitor.exit_code(run_folder) is not None:
        return "it has ended, and nobody has recorded that"
    if not monitor.alive(run_folder):
        return "its monitor is gone"
    if (engine.settings.run_root / "runtime" / container.id / "exec.fifo").exists():
        return "it was created, and nobody let it run"
    if health.is_missing(engine, container):
        return "nobody checks its health"
    if log_rotation.is_missing(engine, container):
        return "nobody rotates its log"
    return ""


def _sweep_orphans(engine: Engine) -> None:
    """Delete the folders of containers that have no row any more: their remover was killed just before it would."""
    for _, name in _orphans(engine):
        with locks.try_locked(engine.settings.locks, folders.lock_name(name)) as free:
            if free and engine.database.row("SELECT 1 FROM containers WHERE id = ?", (name,)) is None:
                clear_folders(engine, name)


def _orphans(engine: Engine) -> Iterator[tuple[Path, str]]:
    for parent in (engine.settings.run_containers, engine.settings.containers):
        try:
            names = os.listdir(parent)
        except FileNotFoundError:
            continue
        known = {row["id"] for row in engine.database.rows("SELECT id FROM containers")} if names else set()
        for name in sorted(set(names) - known):
            yield parent, name
