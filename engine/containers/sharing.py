"""What containers share with each other: processes, IPC and shared memory, network.

A mode "container:<id>" names a donor, which has to run. Its namespaces are reached through its first process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.containers import folders, rows
from engine.errors import Conflict, EngineError, InvalidParameter, NoSuchContainer
from engine.network.record import CONTAINER_PREFIX, HOST, NetworkDonor
from engine.runtime import shm

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.record import Container

SHM = "shm"  # in the run folder


class JoinOfStopped(Conflict):
    """A container wants to share a namespace of one that does not run."""

    def __init__(self, container: Container, kind: str) -> None:
        super().__init__(f"cannot join the {kind} namespace of container {container.name}, which does not run")
        self.container_id = container.id
        self.name = container.name
        self.status = container.state.status
        self.kind = kind


class NetworkDonorGone(EngineError):
    """The container whose network is to be shared is not there; dockerd takes it for a failure of its own."""

    def __init__(self, name: str) -> None:
        super().__init__(f"joining network namespace of container: No such container: {name}")
        self.name = name


class JoinOfItself(EngineError):
    """A container wants to share the network that it would have itself."""

    def __init__(self) -> None:
        super().__init__("cannot join own network namespace")


class NoDonorNamed(InvalidParameter):
    """A mode that is to name a container names none."""

    def __init__(self, kind: str) -> None:
        super().__init__(f'failed to join {kind} namespace: invalid name or ID supplied: ""')
        self.kind = kind


class PidJoinOfStopped(JoinOfStopped):
    """A container wants to share the processes of one that has none."""


def namespace(engine: Engine, mode: str, kind: str) -> str:
    """Return the file of the namespace to join, pid or ipc; empty for a mode that names no container."""
    if not mode.startswith(CONTAINER_PREFIX):
        return ""
    if mode == CONTAINER_PREFIX:
        raise NoDonorNamed(kind.upper())
    return f"/proc/{_running(engine, mode, kind.upper()).state.pid}/ns/{kind}"


def shared_memory(engine: Engine, container: Container) -> str:
    """Return the folder that is /dev/shm, made where it is to be shared; empty for one of the container's own."""
    mode = container.host.ipc_mode
    if mode == "shareable":
        folder = folders.run(engine.settings, container.id) / SHM
        shm.make(folder, container.host.shm_size)
        return str(folder)
    if mode == "host":
        return "/dev/shm"
    if mode.startswith(CONTAINER_PREFIX):
        other = _running(engine, mode, "IPC")
        if other.host.ipc_mode != "shareable":
            raise shm.IpcNotShareable(other.id)
        return str(folders.run(engine.settings, other.id) / SHM)
    return ""


def release_shm(engine: Engine, container: Container) -> None:
    """Take down the shared memory that a container offered to others."""
    shm.remove(folders.run(engine.settings, container.id) / SHM)


def network_donor(engine: Engine, mode: str, own_id: str) -> NetworkDonor | None:
    """Return whose network a container with this id shares, None for a mode that names no container.

    The name files are those of the container at the end of the chain, when the donor shares another's network itself.
    """
    if not mode.startswith(CONTAINER_PREFIX):
        return None
    try:
        if _donor(engine, mode).id == own_id:
            raise JoinOfItself
        donor = last = _running(engine, mode, "network")
    except NoSuchContainer as error:
        raise NetworkDonorGone(mode.removeprefix(CONTAINER_PREFIX)) from error
    while last.host.network_mode.startswith(CONTAINER_PREFIX):
        last = _donor(engine, last.host.network_mode)
    path = None if last.host.network_mode == HOST else f"/proc/{donor.state.pid}/ns/net"
    return NetworkDonor(path, folders.persistent(engine.settings, last.id))


def _running(engine: Engine, mode: str, kind: str) -> Container:
    container = _donor(engine, mode)
    if not container.state.alive:
        raise (PidJoinOfStopped if kind == "PID" else JoinOfStopped)(container, kind)
    return container


def _donor(engine: Engine, mode: str) -> Container:
    return rows.find(engine.database, mode.removeprefix(CONTAINER_PREFIX))
