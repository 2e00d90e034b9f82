"""Bringing a container's record and its remains on the machine into agreement.

Run by whoever comes first when a container ends (a waiter, who looks at it, the exit command, the next verb), and by
every verb that takes the container's lock, so that what a killed process left half done is finished or undone.
Each step can be repeated: a crash in the middle is mended by running it again.
"""

from __future__ import annotations

import logging
import shutil
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from engine import locks
from engine.containers import folders, image_mounts, restarting, root_mount, rows
from engine.containers.record import EXITED, PAUSED, RESTARTING, RUNNING, Container
from engine.containers.restarting import next_backoff, wants_restart
from engine.errors import NoSuchContainer
from engine.runtime import monitor, oci
from engine.runtime.oci import RuntimeFailed
from engine.state.codec import encode
from engine.storage.folders import is_little

if TYPE_CHECKING:
    from engine import Engine
    from engine.state.database import Transaction
    from engine.storage.store import Later

LOST = 137  # the exit code of a container whose monitor was killed: it is killed as well
REBOOTED = 255  # and of one that the machine's end ended

UNHEALTHY = "unhealthy"  # what dockerd says of a container that is not checked any more

# What one run leaves in the run folder.
RUN_FILES = (
    "exit", "oom", "pidfile", "conmon.pid", "attach", "ctl", "winsz", "config.json", "health", "health.json",
    "health.pid", "log-keeper",
)  # fmt: skip

INTENT_CREATE = "create"
INTENT_START = "start"
INTENT_REMOVE = "remove"
INTENT_PAUSE = "pause or unpause"  # its processes may be frozen, whatever its status says
INTENT_REMOVE_WITH_VOLUMES = "remove with volumes"  # the anonymous ones

log = logging.getLogger(__name__)


def settle_exit(engine: Engine, container_id: str) -> Container | None:
    """Record the end of a container that has ended and take down what it stood on; None when it is gone.

    Does nothing to one that runs. Blocks while another process has the container's lock.
    """
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        try:
            return settled(engine, container_id)
        except NoSuchContainer:
            # Its remover may have been killed, and a look at the folders since has left them to whoever holds the lock.
            clear_folders(engine, container_id)
            return None


def settled(engine: Engine, container_id: str) -> Container:
    """Return the container as it truly stands; the caller holds its lock.

    Finishes an exit that nobody recorded, undoes a start, a creation or a pause that was cut off, completes a removal.
    Raises NoSuchContainer.
    """
    container = rows.get(engine.database, container_id)
    state = container.state
    if state.intent in (INTENT_CREATE, INTENT_REMOVE, INTENT_REMOVE_WITH_VOLUMES):
        demolish(engine, container, volumes=state.intent != INTENT_REMOVE, intended=state.intent != INTENT_CREATE)
        raise NoSuchContainer(container_id)
    if state.intent == INTENT_PAUSE:
        container = _thawed(engine, container)
        state = container.state
    if state.intent == INTENT_START:
        log.info("Container %s: its start was cut off; undoing it", container_id)
        dismantle(engine, container)
        with engine.database.transaction() as tx:
            engine.networks.forget(tx, container_id)
            rows.change(tx, container_id, intent="", network=encode(container.network.disconnected()))
    elif state.status == RESTARTING and state.boot_id != rows.boot_id():
        with engine.database.transaction() as tx:
            rows.change(tx, container_id, status=EXITED, exit_code=REBOOTED)
    elif state.alive:
        code = _ended(engine, container)
        return container if code is None else finish(engine, container, code)
    else:
        return container
    return rows.get(engine.database, container_id)


def _thawed(engine: Engine, container: Container) -> Container:
    """Let a container go on whose freezing was cut off, or whose going on was."""
    from engine.containers import health

    log.info("Container %s: its %s was cut off; it goes on", container.id, container.state.intent)
    with suppress(RuntimeFailed):  # it was not frozen, or has ended
        find_runtime(engine, container).resume(container.id)
    with engine.database.transaction() as tx:
        rows.change(tx, container.id, status=RUNNING, intent="")
        if container.state.status == PAUSED:
            rows.event(tx, container, "unpause")
    container = rows.get(engine.database, container.id)
    if health.is_missing(engine, container):
        health.begin(engine, container)
    return container


def _ended(engine: Engine, container: Container) -> int | None:
    """Return the exit code of a container that is recorded as running but has ended, None if it runs."""
    run_folder = folders.run(engine.settings, container.id)
    if container.state.boot_id != rows.boot_id():
        return REBOOTED
    code = monitor.exit_code(run_folder)
    if code is not None:
        return code
    if not monitor.alive(run_folder):
        # The monitor may have written the code between the two looks.
        code = monitor.exit_code(run_folder)
        return LOST if code is None else code
    if (engine.settings.run_root / "runtime" / container.id / "exec.fifo").exists():
        # Recorded as running, created by the runtime, but the process that started it died in between.
        find_runtime(engine, container).start(container.id)
    return None


def finish(engine: Engine, container: Container, code: int) -> Container:
    """Take down an ended container and record its end; removes it when that was asked for. Lock held."""
    run_folder = folders.run(engine.settings, container.id)
    finished = time.time_ns()
    try:
        finished = (run_folder / "exit").stat().st_mtime_ns
    except FileNotFoundError:
        pass
    oom_killed = (run_folder / "oom").exists()
    orphaned = not (run_folder / "exit").exists()  # its monitor was killed and runs no exit command
    dismantle(engine, container)
    state, ran = container.state, max(0, finished - container.state.started)
    # After a boot it is skiff-restore.service that brings containers back.
    restart = state.boot_id == rows.boot_id() and wants_restart(container.host.restart_policy, state, code)
    remove = container.host.auto_remove and not container.state.keep and not restart
    if remove:
        engine.store.delete_container(container.id)
        image_mounts.remove(engine, container)
    with engine.database.transaction() as tx:
        if oom_killed:
            rows.event(tx, container, "oom")
        engine.networks.forget(tx, container.id)
        engine.volumes.unmount_events(tx, container.id, container.definition.mounts)
        _end_exec_sessions(engine, tx, container)
        rows.event(tx, container, "die", execDuration=str(ran // 1_000_000_000), exitCode=str(code))
        if remove:
            forget(engine, tx, container, volumes=True)
        else:
            rows.change(
                tx,
                container.id,
                status=RESTARTING if restart else EXITED,
                pid=0,
                monitor_pid=0,
                exit_code=code,
                oom_killed=int(oom_killed),
                finished=finished,
                restart_count=state.restart_count + restart,
                backoff=next_backoff(state.backoff, ran) if restart else state.backoff,
                network=encode(container.network.disconnected()),
                intent="",
                health=UNHEALTHY if container.state.health else "",
            )
    if remove:
        sweep(engine, container)
        return container
    engine.volumes.settle(container.definition.mounts)
    # Last, so that until the transaction holds the code, its file does.
    clear_run_folder(engine, container)
    container = rows.get(engine.database, container.id)
    if restart and orphaned:
        restarting.begin(engine, container)
    return container


def find_runtime(engine: Engine, container: Container) -> oci.Runtime:
    """Return the runtime that a container was created for."""
    settings = engine.settings
    return oci.find(container.definition.runtime, default=settings.default_runtime, run_root=settings.run_root)


def dismantle(engine: Engine, container: Container) -> None:
    """Take down what a running container stands on: processes, cgroup, mounts, network. Can be repeated."""
    find_runtime(engine, container).delete(container.id)
    if container.host.ipc_mode == "shareable":
        from engine.containers.sharing import release_shm

        release_shm(engine, container)
    if any(point.subpath for point in container.definition.mounts):
        from engine.volumes.subpath import drop_subpaths

        drop_subpaths(folders.run(engine.settings, container.id))
    engine.networks.tear_down(container.id)
    image_mounts.unmount(engine, container)
    root_mount.unmount(engine, container.id)


def demolish(
    engine: Engine,
    container: Container,
    *,
    volumes: bool = False,
    intended: bool = False,
    later: Later | None = None,
) -> None:
    """Remove a container with all that it has; the lock is held and its row has the intent. Can be repeated.

    intended: the row's intent is to remove it, and on the disk: a power cut may take what is recorded then, for who
    finds the intent removes the container again. later, where given, is handed what nobody need wait for once the
    lock has been given back.
    """
    dismantle(engine, container)
    engine.store.delete_container(container.id, later)
    image_mounts.remove(engine, container)
    database = engine.database
    with database.telling() if intended else database.transaction() as tx:
        forget(engine, tx, container, volumes=volumes)
    sweep(engine, container, later)


def forget(engine: Engine, tx: Transaction, container: Container, *, volumes: bool) -> None:
    """Delete a container's rows, with volumes those of its anonymous volumes too, and tell of it."""
    engine.networks.forget(tx, container.id)
    tx.execute("DELETE FROM containers WHERE id = ?", (container.id,))
    if volumes:
        engine.volumes.forget_anonymous(tx, container.definition.mounts)
    if container.state.intent != INTENT_CREATE:
        rows.event(tx, container, "destroy")


def sweep(engine: Engine, container: Container, later: Later | None = None) -> None:
    """Delete the folders and the lock of a container whose rows are gone, and what its volumes left; as demolish."""
    if container.definition.mounts:
        engine.volumes.settle(container.definition.mounts)
        engine.volumes.clear_removed()
    settings = engine.settings
    if later is not None and is_little(folders.persistent(settings, container.id), folders.run(settings, container.id)):
        later(partial(clear_orphan, engine, container.id))
    else:
        clear_folders(engine, container.id)


def clear_orphan(engine: Engine, container_id: str) -> None:
    """Delete the folders and the lock of a container unless it has a row; takes the lock."""
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        if engine.database.row("SELECT 1 FROM containers WHERE id = ?", (container_id,)) is None:
            clear_folders(engine, container_id)


def clear_folders(engine: Engine, container_id: str) -> None:
    """Delete the folders and the lock of a container that has no row any more; the lock is held."""
    shutil.rmtree(folders.persistent(engine.settings, container_id), ignore_errors=True)
    shutil.rmtree(folders.run(engine.settings, container_id), ignore_errors=True)
    root_mount.forget(engine, container_id)
    locks.forget(engine.settings.locks, folders.lock_name(container_id))


def clear_run_folder(engine: Engine, container: Container) -> None:
    """Remove what one run left in the run folder; attachers that wait for the next one stay."""
    run_folder = folders.run(engine.settings, container.id)
    for name in RUN_FILES:
        (run_folder / name).unlink(missing_ok=True)
    for claim in run_folder.glob("restart.*"):
        claim.unlink(missing_ok=True)
    sessions = run_folder / "exec"
    for session in sessions.iterdir() if sessions.is_dir() else ():
        if not monitor.alive(session):  # it is still to write its exit code
            shutil.rmtree(session, ignore_errors=True)


def _end_exec_sessions(engine: Engine, tx: Transaction, container: Container) -> None:
    """Mark exec sessions that the container's end took with it; one whose monitor lives tells of its end itself."""
    tx.execute("DELETE FROM exec_sessions WHERE container_id = ? AND status = 'created'", (container.id,))
    running = tx.execute("SELECT id FROM exec_sessions WHERE container_id = ? AND status = 'running'", (container.id,))
    for row in running.fetchall():
        run_folder = folders.exec_session(engine.settings, container.id, row["id"])
        if not monitor.alive(run_folder):
            code = monitor.exit_code(run_folder)
            code = LOST if code is None else code
            tx.execute(
                "UPDATE exec_sessions SET status = ?, exit_code = ?, finished = ? WHERE id = ?",
                (EXITED, code, time.time_ns(), row["id"]),
            )
            rows.event(tx, container, "exec_die", execID=row["id"], exitCode=str(code))
