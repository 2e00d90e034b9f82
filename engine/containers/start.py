"""Starting a container: mount its root, connect it, have the monitor create it, let it run.

The row first gets the intent to start, so that a start that is cut off is undone by whoever locks the container
next. It becomes `running`, with the event, before the process may run: an exit can then never come from a
container that is not recorded as running. A process killed between the two is finished by engine.containers.settle.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from engine import locks
from engine.containers import folders, health, links, log_rotation, rows
from engine.containers.attach import await_attachers, strike_off_attachers
from engine.containers.log_attributes import journal_tag
from engine.containers.log_drivers import JOURNALD, NONE
from engine.containers.record import DEAD, PAUSED, REMOVING, RESTARTING, Container
from engine.containers.settle import (
    INTENT_START,
    clear_run_folder,
    demolish,
    dismantle,
    find_runtime,
    settled,
)
from engine.errors import Conflict, EngineError, NotModified
from engine.lean_dataclasses import replace
from engine.network.record import BRIDGE
from engine.runtime import facts, monitor_cgroup, seccomp_cache
from engine.runtime.cgroups import explain_runtime_error, remove_left
from engine.runtime.crun_quirks import return_null
from engine.runtime.failures import StartFailed, start_failed
from engine.runtime.monitor import Launch, MonitorPlan, monitor_pid
from engine.runtime.oci import RuntimeFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine import Engine
    from engine.containers.log_drivers import Keeping
    from engine.runtime.oci import Runtime
    from engine.state.database import Transaction

log = logging.getLogger(__name__)

_LOGS_WITHOUT_FILES = {NONE: "null", JOURNALD: "journald"}  # drivers, and what conmon calls them
_NOTHING_AT_EXIT = ("/bin/true",)  # conmon wants a command


class AlreadyRunning(NotModified):
    """The container runs already."""

    def __init__(self, container_id: str) -> None:
        super().__init__(f"container {container_id} is running already")
        self.container_id = container_id


class StartOfPaused(Conflict):
    """A paused container cannot be started."""

    def __init__(self, container_id: str) -> None:
        super().__init__(f"container {container_id} is paused: resume it instead")
        self.container_id = container_id


class StartOfRemoved(Conflict):
    """The container is being removed."""

    def __init__(self, container_id: str) -> None:
        super().__init__(f"container {container_id} is being removed and cannot be started")
        self.container_id = container_id


def start(engine: Engine, name: str) -> None:
    """Start a container; returns when its process runs.

    Raises NoSuchContainer, AlreadyRunning, StartOfPaused, StartOfRemoved, StartFailed, what the network raises, and
    what validate_again does: the container may have been updated since, and the machine changed.
    """
    from engine.containers.validate import validate_again

    container_id = rows.find_id(engine.database, name)
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        container = settled(engine, container_id)
        status = container.state.status
        if status == PAUSED:
            raise StartOfPaused(container_id)
        if container.state.alive or status == RESTARTING:
            raise AlreadyRunning(container_id)
        if status in (REMOVING, DEAD):
            raise StartOfRemoved(container_id)
        validate_again(container.host)
        start_locked(engine, container)


def start_locked(
    engine: Engine, container: Container, *, again: bool = False, attend: Callable[[], None] | None = None
) -> None:
    """Start a container that does not run; the caller holds its lock. Raises as start does.

    again: by its restart policy, which goes on counting. attend: the caller sees to the container's end itself, and
    this is called when its monitor is there and its process does not run yet.
    """
    try:
        _start(engine, container, again, attend)
    except Exception as error:
        # Of whatever kind: the client of `run --rm` waits for the container's removal before it tells why.
        _record_failure(engine, container, error)
        raise
    except BaseException:
        dismantle(engine, container)
        raise


def _start(engine: Engine, container: Container, again: bool, attend: Callable[[], None] | None = None) -> None:
    from engine.containers.bundle import network_request, prepare

    runtime, kept = find_runtime(engine, container), log_rotation.check(container)
    run_folder = folders.run(engine.settings, container.id)
    run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    clear_run_folder(engine, container)
    request = network_request(engine, container)
    engine.networks.ready(request)
    with engine.database.telling() as tx:  # after a power cut nothing of it is left
        rows.change(tx, container.id, intent=INTENT_START, boot_id=rows.boot_id(), keep=0)
        if not again:
            rows.change(tx, container.id, stop_requested=0, manual_stop=0, restart_count=0, backoff=0)
        plan = engine.networks.plan(tx, container.id, request)
    rootfs = engine.store.mount(container.id, volatile=container.host.auto_remove)
    network = engine.networks.apply(plan)
    try:
        spec = prepare(engine, container, rootfs, network)
        to_compile = seccomp_cache.bring(spec, runtime, engine.settings.run_root)
        (run_folder / "config.json").write_text(json.dumps(spec))
        log_rotation.part_runs(engine, container)
        pid = _create(engine, container, runtime, network.held, kept, attended=attend is not None)
        return_null(pid, spec["process"]["user"])
        log_rotation.begin(engine, container, kept)
        if to_compile is not None:
            seccomp_cache.keep(to_compile, runtime, container.id)
    finally:
        for fd in network.held:
            os.close(fd)
    if attend is not None:
        attend()
    await_attachers(folders.attachers(engine.settings, container.id))
    with engine.database.transaction() as tx:
        engine.volumes.mount_events(tx, container.id, container.definition.mounts)
        engine.networks.connected(tx, plan)
        rows.change(
            tx,
            container.id,
            status="running",
            pid=pid,
            monitor_pid=monitor_pid(run_folder),
            exit_code=0,
            error="",
            oom_killed=0,
            started=time.time_ns(),
            run=container.state.run + 1,
            intent="",
            network=network.stored,
            health=health.first_state(container),
            health_streak=0,
        )
        rows.event(tx, container, "start")
    try:
        runtime.start(container.id)
    except RuntimeFailed as error:
        raise failure(container, error.text) from error
    if health.first_state(container):
        health.begin(engine, rows.get(engine.database, container.id))
    if (endpoint := network.state.endpoints.get(BRIDGE)) is not None:
        links.follow(engine, container, endpoint.ip_address)
    # Not on the way of the answer: the kernel takes several milliseconds to move a process.
    threading.Thread(target=monitor_cgroup.move, args=(monitor_pid(run_folder),), name="move monitor").start()


def _create(
    engine: Engine, container: Container, runtime: Runtime, held: list[int], kept: Keeping, *, attended: bool
) -> int:
    """Have the monitor create the container; returns the pid of its process, which waits to be started."""
    plan = _monitor_plan(engine, container, runtime, kept)
    if attended:
        plan = replace(plan, exit_command=_NOTHING_AT_EXIT)
    launch = Launch(plan, keep_open=held)
    try:
        return launch.pid()
    except RuntimeFailed as error:
        raise failure(container, error.text) from error
    finally:
        launch.close()


def failure(container: Container, text: str) -> EngineError:
    """Return the error for a runtime's message; a machine that cannot run containers gets what to do about it."""
    return explain_runtime_error(text) or start_failed(text, container.definition.path)


def _monitor_plan(engine: Engine, container: Container, runtime: Runtime, kept: Keeping) -> MonitorPlan:
    settings, config = engine.settings, container.config
    log_file, driver = folders.log_file(settings, container.id), container.host.log_config.type
    log_file.parent.mkdir(parents=True, exist_ok=True, mode=0o710)
    return MonitorPlan(
        runtime=runtime,
        container_id=container.id,
        run_folder=folders.run(settings, container.id),
        exit_command=exit_command(engine, "container", container.id),
        log_path=_LOGS_WITHOUT_FILES.get(driver) or f"k8s-file:{log_file}",
        name=container.name.removeprefix("/"),
        log_tag=journal_tag(container) if driver == JOURNALD else "",
        log_size=0 if kept.rotates else kept.size,
        terminal=config.tty,
        stdin=config.open_stdin,
        # A terminal has no end of input, and a client that leaves one by its detach keys must not close it.
        leave_stdin_open=config.tty or not config.stdin_once,
    )


def exit_command(engine: Engine, kind: str, *ids: str) -> list[str]:
    """Return the command that the monitor runs when a process has ended; see engine.monitor_exit."""
    import engine as package

    settings = engine.settings
    command = [sys.executable, "-I", "-S", _script(package.__path__[0]), str(settings.root), str(settings.run_root)]
    if settings.default_runtime is not None:
        command += ["--runtime", settings.default_runtime]
    if settings.graph_root is not None:
        command += ["--graph-root", str(settings.graph_root)]
    if settings.open_files is not None:
        command += ["--open-files", "{}:{}".format(*settings.open_files)]
    return [*command, kind, *ids]


def _script(package_folder: str) -> str:
    return os.path.join(package_folder, "monitor_exit.py")


def _reached(engine: Engine, container: Container, error: Exception) -> str:
    """Return what inspect tells of the networks after a failed start: which they were, or are where a port lacked."""
    from engine.containers.config import EndpointRequest
    from engine.containers.listing import network_names
    from engine.containers.networks import names_in
    from engine.containers.record import ConnectedEndpoint, NetworkState
    from engine.network.port_errors import PortFailure
    from engine.state.codec import encode

    if not isinstance(error, PortFailure):
        return encode(container.network.disconnected())
    ends = {}
    for name in network_names(container):
        network = engine.networks.resolve(name)
        known = names_in(container, network, container.definition.endpoints.get(name, EndpointRequest()))
        ends[name] = ConnectedEndpoint(network.id, dns_names=known or None)
    return encode(NetworkState(endpoints=ends))


def _reason(error: Exception) -> str:
    """Return what inspect tells of a failed start."""
    from engine.network.port_errors import PortFailure

    return error.whole if isinstance(error, PortFailure) else str(error)


def _let_go(engine: Engine, tx: Transaction, container: Container, error: Exception) -> None:
    """Give back what a failed start claimed, and tell of it as if its volumes had been mounted when it failed.

    Only what lacks a network or shared memory of another's fails before volumes are mounted.
    """
    from engine.containers.sharing import JoinOfItself, JoinOfStopped, NetworkDonorGone, PidJoinOfStopped

    points = container.definition.mounts
    lacks_donor = isinstance(error, JoinOfStopped) and not isinstance(error, PidJoinOfStopped)
    if not (lacks_donor or isinstance(error, (JoinOfItself, NetworkDonorGone))):
        engine.volumes.mount_events(tx, container.id, points)
    engine.networks.forget(tx, container.id)
    engine.volumes.unmount_events(tx, container.id, points)


def _record_failure(engine: Engine, container: Container, error: Exception) -> None:
    """Undo what a failed start did, and keep its reason where inspect shows it."""
    dismantle(engine, container)
    layout = facts.gather().cgroups
    remove_left(layout, layout.container_path(container.id, container.host.cgroup_parent))
    strike_off_attachers(folders.attachers(engine.settings, container.id))
    if container.host.auto_remove:
        with engine.database.transaction() as tx:
            _let_go(engine, tx, container, error)
        demolish(engine, container, volumes=True)
        return
    code = error.exit_code if isinstance(error, StartFailed) else container.state.exit_code or 128
    with engine.database.transaction() as tx:
        _let_go(engine, tx, container, error)
        rows.change(
            tx,
            container.id,
            status=container.state.status if container.state.status != "running" else "created",
            pid=0,
            monitor_pid=0,
            intent="",
            network=_reached(engine, container, error),
            exit_code=code,
            error=_reason(error),
        )
    clear_run_folder(engine, container)
