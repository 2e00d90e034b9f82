"""Removing what killed builds left: containers that were to go, and folders below the run root."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from engine import locks
from engine.build.builder import lock_name, run_folder
from engine.build.run_mounts import SHOWN
from engine.containers import folders, rows
from engine.containers.settle import demolish
from engine.errors import EngineError, NoSuchContainer
from engine.storage.folders import remove_tree
from engine.storage.scratch import unmount_below

if TYPE_CHECKING:
    from engine import Engine

log = logging.getLogger(__name__)


def recover(engine: Engine) -> None:
    """Remove the containers and folders of builds that do not live any more; cheap when there are none."""
    builds = {row["build"] for row in engine.database.rows("SELECT DISTINCT build FROM build_containers")}
    try:
        builds.update(os.listdir(engine.settings.run_root / "build"))
    except FileNotFoundError:
        pass
    for build in builds:
        with locks.try_locked(engine.settings.locks, lock_name(build)) as dead:
            if dead:
                _remove(engine, build)
                locks.forget(engine.settings.locks, lock_name(build))


def _remove(engine: Engine, build: str) -> None:
    for row in engine.database.rows("SELECT container_id FROM build_containers WHERE build = ?", (build,)):
        container_id = row["container_id"]
        with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
            try:
                demolish(engine, rows.get(engine.database, container_id), volumes=True)
            except NoSuchContainer:
                pass
            except (EngineError, OSError):
                log.exception("Container %s: cannot remove it", container_id)
                continue
        with engine.database.transaction() as tx:
            tx.execute("DELETE FROM build_containers WHERE container_id = ?", (container_id,))
    folder = run_folder(engine, build)
    with suppress(FileNotFoundError):
        unmount_below(folder, *(name for name in os.listdir(folder) if name.startswith(SHOWN)))
    remove_tree(folder)
