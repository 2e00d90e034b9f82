"""Keeping a container's log in several files: the small process that does it (engine.log_keeper).

A keeper is started with the container's monitor and ends with it. It holds a flock on `log-keeper` in the run folder,
so that a killed one is seen and replaced (engine.containers.reconcile). What is written meanwhile stays in one file.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING

from engine import locks
from engine.containers import folders
from engine.containers.log_attributes import attributes
from engine.containers.log_drivers import NONE, Keeping, LogOptionUnusable, keeping
from engine.containers.log_format import end_of_run
from engine.errors import EngineError
from engine.runtime.monitor import monitor_pid

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.record import Container

log = logging.getLogger(__name__)


class LogNotKept(EngineError):
    """A container cannot be started because of its log driver's options; str() is dockerd's text."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"failed to create task for container: failed to initialize logging driver: {cause}")


def check(container: Container) -> Keeping:
    """Return how a container's log is to be kept. Raises LogNotKept."""
    if container.host.log_config.type == NONE:
        return Keeping()
    try:
        found = keeping(container.host.log_config)
        attributes(container)
    except LogOptionUnusable as error:
        raise LogNotKept(str(error)) from error
    return found


def part_runs(engine: Engine, container: Container) -> None:
    """Note in a log that another run begins, so that an unfinished line of the last one stays one of its own."""
    try:
        fd = os.open(folders.log_file(engine.settings, container.id), os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        size = os.fstat(fd).st_size
        if size:
            record = end_of_run(time.time_ns())
            os.write(fd, record if os.pread(fd, 1, size - 1) == b"\n" else b"\n" + record)
    finally:
        os.close(fd)


def begin(engine: Engine, container: Container, kept: Keeping) -> None:
    """Start the keeper of a container whose monitor runs, if it needs one; its failure is logged, not raised."""
    if not kept.rotates:
        return
    run_folder = folders.run(engine.settings, container.id)
    line = [
        sys.executable,
        "-I",
        "-S",
        _script(),
        str(run_folder),
        str(folders.log_file(engine.settings, container.id)),
    ]
    line += [str(monitor_pid(run_folder)), str(kept.size), str(kept.files), str(int(kept.compress))]
    try:
        from engine.runtime import companion

        companion.spawn(line, "log keeper")
    except OSError:
        log.exception("Container %s: cannot start its log keeper", container.id)


def is_missing(engine: Engine, container: Container) -> bool:
    """Tell whether a running container lacks the keeper that it should have."""
    if not container.state.alive or container.host.log_config.type == NONE:
        return False
    try:
        rotates = keeping(container.host.log_config).rotates
    except LogOptionUnusable:
        return False
    return rotates and not locks.is_held(folders.run(engine.settings, container.id) / "log-keeper")


def _script() -> str:
    import engine as package

    return os.path.join(package.__path__[0], "log_keeper.py")
