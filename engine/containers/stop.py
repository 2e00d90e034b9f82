"""Ending a container's process, or one run of it: kill, stop, restart, pause.

The container's lock is not held while its process is asked to end, so that other verbs are answered meanwhile.
"""

from __future__ import annotations

import errno
import os
import select
import signal as signals
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine import locks, syscalls
from engine.containers import folders, health, rows
from engine.containers.attach import ContainerRestarting
from engine.containers.record import EXITED, PAUSED, RESTARTING, RUNNING, Container
from engine.containers.settle import INTENT_PAUSE, find_runtime, settle_exit, settled
from engine.containers.signals import InvalidSignal, parse_signal
from engine.errors import Conflict, NoSuchContainer, NotFound, NotModified
from engine.runtime import monitor
from engine.runtime.oci import RuntimeFailed

if TYPE_CHECKING:
    from engine import Engine

DEFAULT_STOP_SECONDS = 10
KILL_SECONDS = 10  # how long the kernel may take to end a process that was sent SIGKILL
DEFAULT_SIGNAL = "SIGTERM"
LOOK_AGAIN_SECONDS = 0.1  # where no inotify instance is left


class NotRunning(Conflict):
    """The container has no process."""

    def __init__(self, container_id: str) -> None:
        super().__init__(f"container {container_id} is not running")
        self.container_id = container_id


class BetweenRuns(NotFound):
    """The container is to be restarted, and has no process until then."""

    def __init__(self, container_id: str) -> None:
        super().__init__(f"container {container_id} is restarting and has no process")
        self.container_id = container_id


class KillOfStopped(Conflict):
    """A signal for a container that has no process."""

    def __init__(self, name: str, container_id: str) -> None:
        super().__init__(f"cannot kill container {name}: container {container_id} is not running")
        self.name = name
        self.container_id = container_id


class AlreadyStopped(NotModified):
    """The container does not run."""

    def __init__(self, container_id: str) -> None:
        super().__init__(f"container {container_id} does not run")
        self.container_id = container_id


class UnsupportedSignal(InvalidSignal):
    """A number that is no signal of this kernel; in dockerd's words."""

    def __init__(self, number: int) -> None:
        super().__init__(str(number))

    def __str__(self) -> str:
        return f"the linux daemon does not support signal {self.signal}"


class AlreadyPaused(Conflict):
    """The container is paused."""

    def __init__(self, container_id: str) -> None:
        super().__init__(f"container {container_id} is already paused")
        self.container_id = container_id


class NotPaused(Conflict):
    """The container is not paused."""

    def __init__(self, container_id: str) -> None:
        super().__init__(f"container {container_id} is not paused")
        self.container_id = container_id


def kill(engine: Engine, name: str, signal: str = "") -> None:
    """Send a signal to a container's first process; SIGKILL returns when it has ended.

    Raises NoSuchContainer, KillOfStopped, InvalidSignal.
    """
    number = parse_signal(signal or "SIGKILL")
    if not 0 < number < signals.NSIG:
        raise UnsupportedSignal(number)
    container_id = rows.find_id(engine.database, name)
    container = rows.get(engine.database, container_id)
    if container.state.status == RESTARTING and not _ends(container, number):
        with engine.database.transaction() as tx:
            rows.change(tx, container_id, manual_stop=1)
        return
    container, given_up = _not_restarting(engine, container_id)
    if given_up:
        return
    if not container.state.alive:
        raise KillOfStopped(name, container_id)
    while not _signal(engine, container, number):
        await_exit(engine, container, KILL_SECONDS)  # its monitor is about to tell of it
        settle_exit(engine, container_id)
        try:
            container, _ = _not_restarting(engine, container_id)
        except NoSuchContainer:
            return  # it has removed itself
        if not container.state.alive:
            return  # as dockerd, which finds that there is nothing to signal
    if number == signals.SIGKILL:
        if container.state.status == PAUSED or container.state.intent == INTENT_PAUSE:
            with suppress(RuntimeFailed):  # it has ended already, as a frozen process does on cgroup v2 only
                find_runtime(engine, container).resume(container_id)
        await_exit(engine, container, KILL_SECONDS)
        settle_exit(engine, container_id)


def stop(engine: Engine, name: str, *, signal: str = "", timeout: int | None = None) -> None:
    """End a container's process by its stop signal, after timeout seconds by SIGKILL; -1 waits for ever.

    Raises NoSuchContainer, AlreadyStopped, InvalidSignal.
    """
    container_id = rows.find_id(engine.database, name)
    container, given_up = _not_restarting(engine, container_id)
    if given_up:
        with engine.database.transaction() as tx:
            rows.event(tx, container, "stop")
        return
    if not container.state.alive:
        raise AlreadyStopped(container_id)
    number = parse_signal(signal or container.config.stop_signal or DEFAULT_SIGNAL)
    end(engine, container, number, timeout)
    try:
        container = rows.get(engine.database, container_id)
    except NoSuchContainer:
        pass  # it removed itself
    with engine.database.transaction() as tx:
        rows.event(tx, container, "stop")


def restart(engine: Engine, name: str, *, signal: str = "", timeout: int | None = None) -> None:
    """Stop a container, if it runs, and start it. Raises NoSuchContainer, InvalidSignal and what start raises."""
    from engine.containers.start import AlreadyRunning, start

    container_id = rows.find_id(engine.database, name)
    container = rows.get(engine.database, container_id)
    number = parse_signal(signal or container.config.stop_signal or DEFAULT_SIGNAL)
    container, given_up = _not_restarting(engine, container_id)
    if given_up:
        with engine.database.transaction() as tx:
            rows.event(tx, container, "stop")
    elif container.state.alive:
        # Its end removes no container that is to start again.
        with engine.database.transaction() as tx:
            rows.change(tx, container_id, keep=1)
        end(engine, container, number, timeout)
        with engine.database.transaction() as tx:
            rows.event(tx, container, "stop")
    with suppress(AlreadyRunning):  # somebody else has started it meanwhile
        start(engine, container_id)
    with engine.database.transaction() as tx:
        rows.event(tx, container, "restart")


def end(engine: Engine, container: Container, number: int, timeout: int | None, *, by_user: bool = True) -> None:
    """Bring a running container to its end, gently first; on return its exit is recorded."""
    if timeout is None:
        timeout = container.config.stop_timeout
    seconds = DEFAULT_STOP_SECONDS if timeout is None else timeout
    if container.state.status == PAUSED:
        # A frozen process handles no signal; dockerd thaws it as well.
        find_runtime(engine, container).resume(container.id)
    signalled = _signal(engine, container, number, by_user=by_user)
    ended = await_exit(engine, container, (None if seconds < 0 else seconds) if signalled else KILL_SECONDS)
    if not ended and _signal(engine, container, signals.SIGKILL, by_user=by_user):
        await_exit(engine, container, KILL_SECONDS)
    settle_exit(engine, container.id)


def pause(engine: Engine, name: str) -> None:
    """Freeze all processes of a container. Raises NoSuchContainer, NotRunning, AlreadyPaused."""
    container_id = rows.find_id(engine.database, name)
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        container = settled(engine, container_id)
        if container.state.status == PAUSED:
            raise AlreadyPaused(container_id)
        if container.state.status == RESTARTING:
            raise ContainerRestarting(container_id, "pause")
        if not container.state.alive:
            raise NotRunning(container_id)
        health.end(engine, container_id)
        with _freezing(engine, container_id):
            find_runtime(engine, container).pause(container_id)
        with engine.database.transaction() as tx:
            unhealthy = health.UNHEALTHY if container.state.health else ""
            rows.change(tx, container_id, status=PAUSED, intent="", health=unhealthy)
            rows.event(tx, container, "pause")


def unpause(engine: Engine, name: str) -> None:
    """Let a paused container go on. Raises NoSuchContainer, NotPaused."""
    container_id = rows.find_id(engine.database, name)
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        container = settled(engine, container_id)
        if container.state.status != PAUSED:
            raise NotPaused(container_id)
        with _freezing(engine, container_id):
            find_runtime(engine, container).resume(container_id)
        with engine.database.transaction() as tx:
            rows.change(tx, container_id, status=RUNNING, intent="")
            rows.event(tx, container, "unpause")
        if container.state.health:
            health.begin(engine, rows.get(engine.database, container_id))


@contextmanager
def _freezing(engine: Engine, container_id: str) -> Iterator[None]:
    """Write down that a container is being frozen or let go on; whoever finds that later lets it go on."""
    with engine.database.transaction() as tx:
        rows.change(tx, container_id, intent=INTENT_PAUSE)
    try:
        yield
    except RuntimeFailed:
        with engine.database.transaction() as tx:
            rows.change(tx, container_id, intent="")
        raise


def await_exit(engine: Engine, container: Container, seconds: float | None) -> bool:
    """Wait until the monitor has left an exit code or is gone; False when that took too long."""
    run_folder = folders.run(engine.settings, container.id)
    deadline = None if seconds is None else time.monotonic() + seconds
    watch = _instance()
    try:
        poller = select.poll()
        if watch is not None:
            try:
                syscalls.inotify_add_watch(
                    watch,
                    run_folder,
                    syscalls.IN_MOVED_TO | syscalls.IN_CREATE | syscalls.IN_DELETE | syscalls.IN_DELETE_SELF,
                )
            except FileNotFoundError:
                return True
            poller.register(watch, select.POLLIN)
        monitor_fd = _open_pid(container.state.monitor_pid)
        if monitor_fd is not None:
            poller.register(monitor_fd, select.POLLIN)
        try:
            while True:
                # Deleted again means that somebody has already recorded the exit.
                if monitor.exit_code(run_folder) is not None or not monitor.alive(run_folder):
                    return True
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                if watch is None:
                    left = LOOK_AGAIN_SECONDS if left is None else min(left, LOOK_AGAIN_SECONDS)
                poller.poll(None if left is None else left * 1000)
                if watch is not None:
                    with suppress(BlockingIOError):
                        os.read(watch, 65536)
        finally:
            if monitor_fd is not None:
                os.close(monitor_fd)
    finally:
        if watch is not None:
            syscalls.inotify_close(watch)


def _instance() -> int | None:
    """Return an inotify instance, None where this user has no more of them."""
    try:
        return syscalls.inotify_init1()
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        return None


def _ends(container: Container, number: int) -> bool:
    """Tell whether a client's signal ends the restarts: any one, or the stop signal alone where one is configured."""
    stop_signal = container.config.stop_signal
    return not stop_signal or number in (signals.SIGKILL, parse_signal(stop_signal))


def _signal(engine: Engine, container: Container, number: int, *, by_user: bool = True) -> bool:
    """Signal the container's first process and record that; False when it has ended."""
    with engine.database.transaction() as tx:
        rows.change(tx, container.id, manual_stop=int(by_user or container.state.manual_stop))
        if _ends(container, number):
            rows.change(tx, container.id, stop_requested=1)
        rows.event(tx, container, "kill", signal=str(number))
    return _send(container, number)


def kill_unrecorded(engine: Engine, container: Container) -> None:
    """Kill a container, if it runs, where there is no room to record that, and wait for its end."""
    if container.state.alive and _send(container, signals.SIGKILL):
        await_exit(engine, container, KILL_SECONDS)


def _send(container: Container, number: int) -> bool:
    """Signal the container's first process; False when it has ended.

    The pid is checked against its monitor through a pidfd, so that a number that the kernel gave to
    another process is never signalled.
    """
    process = _open_pid(container.state.pid)
    if process is None:
        return False
    try:
        if _parent(container.state.pid) != container.state.monitor_pid:
            return False
        signals.pidfd_send_signal(process, number)
    except ProcessLookupError:
        return False
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # A stop by a signal that does not exist waits all the same, and kills.
    finally:
        os.close(process)
    return True


def _open_pid(pid: int) -> int | None:
    if pid <= 0:
        return None
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _parent(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(text.rpartition(")")[2].split()[1])


def _not_restarting(engine: Engine, container_id: str) -> tuple[Container, bool]:
    """Return a container that is not about to be restarted, and whether that is this call's doing.

    Raises NoSuchContainer.
    """
    while True:
        container = rows.get(engine.database, container_id)
        if container.state.status != RESTARTING:
            return container, False
        if _give_up_restart(engine, container_id):
            return container, True


def _give_up_restart(engine: Engine, container_id: str) -> bool:
    """Leave a container that is to be restarted stopped; False when it runs again already, or is gone."""
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        if settled(engine, container_id).state.status != RESTARTING:
            return False
        with engine.database.transaction() as tx:
            rows.change(tx, container_id, stop_requested=1, manual_stop=1, status=EXITED)
    return True
