"""The exit command: what a monitor runs when its container or exec session has ended.

    python -I -S monitor_exit.py ROOT RUN_ROOT [OPTION VALUE]... container ID
    python -I -S monitor_exit.py ROOT RUN_ROOT [OPTION VALUE]... exec CONTAINER_ID EXEC_ID
    python -I -S monitor_exit.py ROOT RUN_ROOT [OPTION VALUE]... restart ID RUN [CLAIM SECONDS]

The options are what else the engine's settings are: --runtime NAME, --graph-root DIR, --open-files SOFT:HARD.

It records the exit code and takes down what the container stood on, unless a server that waited for the end has
done so already, and starts the container again where its restart policy says so. It runs once for every end,
so it looks at the database before it imports anything of size, and needs nothing but the standard library.
With restart it does the last alone: for a container whose monitor was killed, and to wait out a long back-off with
nothing of the engine in memory (CLAIM is the descriptor of engine.containers.restarting.claim).
"""

from __future__ import annotations

import os
import sys

LONG_SECONDS = 1.0  # a back-off from which on it is worth starting Python once more

TYPE_CHECKING = False
if TYPE_CHECKING:
    from engine import Engine


def main(arguments: list[str]) -> int:
    """Do what the monitor asked for; returns the exit status."""
    root, run_root, *rest = arguments
    options: dict[str, str] = {}
    while rest[0].startswith("--"):
        options[rest[0]], rest = rest[1], rest[2:]
    kind, container_id, *more = rest
    if kind == "container" and _is_recorded(root, run_root, container_id):
        return 0
    if kind == "restart" and len(more) > 1:
        import time

        time.sleep(float(more[2]))
    engine = _engine(root, run_root, options)
    if kind == "exec":
        from engine.containers.execs import settle_exec

        settle_exec(engine, container_id, more[0])
        return 0
    if kind == "restart":
        _restart(engine, container_id, int(more[0]), int(more[1]) if len(more) > 1 else None)
        return 0
    from engine.containers.settle import settle_exit

    container = settle_exit(engine, container_id)
    if container is not None and container.state.status == "restarting":
        _restart(engine, container_id, container.state.run, None)
    return 0


def _engine(root: str, run_root: str, options: dict[str, str]) -> Engine:
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from pathlib import Path

    from engine import Engine, Settings

    graph_root = options.get("--graph-root")
    soft, _, hard = options.get("--open-files", "").partition(":")
    return Engine(
        Settings(
            root=Path(root),
            run_root=Path(run_root),
            graph_root=None if graph_root is None else Path(graph_root),
            default_runtime=options.get("--runtime"),
            open_files=(int(soft), int(hard)) if hard else None,
        )
    )


def _is_recorded(root: str, run_root: str, container_id: str) -> bool:
    """Tell whether somebody has recorded this end and removed what it left, so that there is nothing to do.

    Who recorded it deletes the file last; where it is there, whoever may be at it now is waited for, by the lock of
    engine.locks. It is not kept while the database is looked at: a removal right after the end would wait for that.
    """
    exit_file = os.path.join(run_root, "containers", container_id, "exit")
    if os.path.exists(exit_file):
        _wait_for_lock(os.path.join(run_root, "locks", "container", container_id))
        if os.path.exists(exit_file):
            return False
    # A container that is to be restarted leaves a row to look at. What one that was removed leaves is its remover's to
    # delete, or the next server's.
    return _status(root, container_id) != "restarting"


def _wait_for_lock(lock: str) -> None:
    """Return when nobody has a lock that was held."""
    import fcntl

    try:
        fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def _status(root: str, container_id: str) -> str | None:
    import sqlite3

    connection = sqlite3.connect(os.path.join(root, "state.db"), timeout=30)
    try:
        row = connection.execute("SELECT status FROM containers WHERE id = ?", (container_id,)).fetchone()
    finally:
        connection.close()
    return None if row is None else row[0]


def _restart(engine: Engine, container_id: str, run: int, claim: int | None) -> None:
    """Wait the back-off and start the container again, unless somebody has decided otherwise meanwhile."""
    import time

    from engine.containers import restarting, rows
    from engine.containers.start import exit_command
    from engine.errors import NoSuchContainer

    if claim is None:
        claim = restarting.claim(engine, container_id, run)
    if claim is None:
        return  # another waits already
    try:
        state = rows.get(engine.database, container_id).state
    except NoSuchContainer:
        restarting.withdraw(engine, container_id, run)
        return
    if state.status != "restarting" or state.run != run:
        return
    left = (state.finished + state.backoff * 1_000_000 - time.time_ns()) / 1e9
    if left > LONG_SECONDS:
        os.set_inheritable(claim, True)
        line = exit_command(engine, "restart", container_id, str(run), str(claim), f"{left:.3f}")
        os.execv(line[0], line)
    time.sleep(max(0.0, left))
    os.set_inheritable(claim, False)
    _start_again(engine, container_id, run)


def _start_again(engine: Engine, container_id: str, run: int) -> None:
    from engine import locks
    from engine.containers import folders, rows
    from engine.containers.settle import settled
    from engine.containers.start import start_locked
    from engine.errors import NoSuchContainer

    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        try:
            container = settled(engine, container_id)
        except NoSuchContainer:
            return
        if container.state.status != "restarting" or container.state.run != run:
            return
        try:
            start_locked(engine, container, again=True)
        except Exception:  # inspect shows why; the code stays the last run's
            with engine.database.transaction() as tx:
                rows.change(tx, container_id, status="exited", exit_code=container.state.exit_code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
