"""Mending, when an engine starts, what killed processes left: one look at the rows that may be wrong.

A container that another process is at work on (its lock is held) is left to that process.
"""

from __future__ import annotations

import logging
import os
import shutil
from typing import TYPE_CHECKING

from engine import locks
from engine.containers import folders, rows
from engine.containers.record import Container
from engine.containers.settle import settled
from engine.errors import EngineError, NoSuchContainer
from engine.runtime import monitor

if TYPE_CHECKING:
    from engine import Engine

log = logging.getLogger(__name__)


def reconcile(engine: Engine) -> None:
    """Settle every container whose row does not agree with the machine; cheap when all do."""
    for row in engine.database.rows(
        "SELECT * FROM containers WHERE intent != '' OR status IN ('running', 'paused', 'restarting')"
    ):
        container = rows.from_row(row)
        if not _is_doubtful(engine, container):
            continue
        with locks.try_locked(engine.settings.locks, folders.lock_name(container.id)) as free:
            if not free:
                continue
            try:
                settled(engine, container.id)
            except NoSuchContainer:
                continue
            except (EngineError, OSError):
                log.exception("Container %s: cannot mend it", container.id)
    _sweep_orphans(engine)


def _is_doubtful(engine: Engine, container: Container) -> bool:
    if container.state.intent:
        return True
    if not container.state.alive:
        return False
    run_folder = folders.run(engine.settings, container.id)
    return (
        container.state.boot_id != rows.boot_id()
        or monitor.exit_code(run_folder) is not None
        or not monitor.alive(run_folder)
        or (engine.settings.run_root / "runtime" / container.id / "exec.fifo").exists()
    )


def _sweep_orphans(engine: Engine) -> None:
    """Delete the folders of containers that have no row any more: their remover was killed just before it would."""
    for parent in (engine.settings.run_containers, engine.settings.containers):
        try:
            names = os.listdir(parent)
        except FileNotFoundError:
            continue
        known = {row["id"] for row in engine.database.rows("SELECT id FROM containers")} if names else set()
        for name in set(names) - known:
            with locks.try_locked(engine.settings.locks, folders.lock_name(name)) as free:
                if free and engine.database.row("SELECT 1 FROM containers WHERE id = ?", (name,)) is None:
                    shutil.rmtree(parent / name, ignore_errors=True)
                    locks.forget(engine.settings.locks, folders.lock_name(name))
