"""The exit command: what a monitor runs when its container or exec session has ended.

    python -I -S monitor_exit.py ROOT RUN_ROOT [--runtime NAME] [--graph-root DIR] container ID
    python -I -S monitor_exit.py ROOT RUN_ROOT [--runtime NAME] [--graph-root DIR] exec CONTAINER_ID EXEC_ID

It records the exit code and takes down what the container stood on, unless a server that waited for the end has
done so already, and starts the container again where its restart policy says so. It runs once for every end,
so it looks at the database before it imports anything of size, and needs nothing but the standard library.
"""

from __future__ import annotations

import os
import sys

BACK_OFF_FIRST, BACK_OFF_MOST = 0.1, 60.0  # seconds before the first restart, doubling up to the last


def main(arguments: list[str]) -> int:
    """Do what the monitor asked for; returns the exit status."""
    root, run_root, *rest = arguments
    options: dict[str, str] = {}
    while rest[0].startswith("--"):
        options[rest[0]], rest = rest[1], rest[2:]
    kind, *ids = rest
    if kind == "container" and _is_recorded(root, run_root, ids[0]):
        return 0
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from pathlib import Path

    from engine import Engine, Settings

    graph_root = options.get("--graph-root")
    engine = Engine(
        Settings(
            root=Path(root),
            run_root=Path(run_root),
            graph_root=None if graph_root is None else Path(graph_root),
            default_runtime=options.get("--runtime"),
        )
    )
    if kind == "exec":
        from engine.containers.execs import settle_exec

        settle_exec(engine, ids[0], ids[1])
        return 0
    from engine.containers.settle import settle_exit

    container = settle_exit(engine, ids[0])
    if container is not None and container.state.status == "restarting":
        _restart(engine, container.id, container.state.run, container.state.restart_count)
    return 0


def _is_recorded(root: str, run_root: str, container_id: str) -> bool:
    """Tell whether somebody has recorded this end and removed what it left, so that there is nothing to do.

    The lock is taken as engine.locks does: whoever is at it now is waited for.
    """
    import fcntl

    exit_file = os.path.join(run_root, "containers", container_id, "exit")
    lock = os.path.join(run_root, "locks", "container", container_id)
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return not os.path.exists(exit_file)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        # Who recorded the end deletes the file last; a container that is to be restarted leaves a row to look at.
        return not os.path.exists(exit_file) and not _restarts(root, container_id)
    finally:
        os.close(fd)


def _restarts(root: str, container_id: str) -> bool:
    import sqlite3

    connection = sqlite3.connect(os.path.join(root, "state.db"), timeout=30)
    try:
        row = connection.execute("SELECT status FROM containers WHERE id = ?", (container_id,)).fetchone()
    finally:
        connection.close()
    return row is not None and row[0] == "restarting"


def _restart(engine: object, container_id: str, run: int, count: int) -> None:
    """Wait the back-off and start the container again, unless somebody has decided otherwise meanwhile."""
    import time

    from engine import Engine, locks
    from engine.containers import folders, rows
    from engine.containers.settle import settled
    from engine.containers.start import start_locked
    from engine.errors import EngineError, NoSuchContainer

    assert isinstance(engine, Engine)
    time.sleep(min(BACK_OFF_FIRST * 2 ** min(count, 10), BACK_OFF_MOST))
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        try:
            container = settled(engine, container_id)
        except NoSuchContainer:
            return
        if container.state.status != "restarting" or container.state.run != run:
            return
        try:
            start_locked(engine, container, restart_count=count + 1)
        except EngineError:
            with engine.database.transaction() as tx:
                rows.change(tx, container_id, status="exited")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
