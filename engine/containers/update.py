"""Changing the limits and the restart policy of a container that is there, running or not.

A running one gets its limits at once, through the runtime; the record is what the next start goes by. A limit is
named by a value other than 0, "" or None, so none can be taken back but that on processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import locks
from engine.containers import folders, rows
from engine.containers.config import HostConfig
from engine.containers.record import DEAD, REMOVING, Container
from engine.containers.settle import find_runtime, settled
from engine.containers.validate import check_host
from engine.errors import Conflict, EngineError, InvalidParameter
from engine.lean_dataclasses import replace
from engine.runtime import cgroup_of, facts, resources
from engine.runtime.cgroups import CgroupLayout, check_parent
from engine.runtime.facts import HostFacts
from engine.runtime.limits import check_limits, discard_unsupported
from engine.runtime.oci import RuntimeFailed
from engine.state.codec import encode

if TYPE_CHECKING:
    from engine import Engine

# In dockerd's order of changing them; a value that is not empty replaces the old one.
CHANGEABLE = (
    "blkio_weight",
    "cpu_shares",
    "nano_cpus",
    "cpu_period",
    "cpu_quota",
    "cpuset_cpus",
    "cpuset_mems",
    "memory",
    "memory_swap",
    "memory_reservation",
    "cpu_realtime_period",
    "cpu_realtime_runtime",
)


class QualityOfServiceUnsupported(InvalidParameter):
    """Limits that only Windows has."""

    def __init__(self) -> None:
        super().__init__("Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps")


class UpdateConflict(Conflict):
    """What is wanted does not go with what the container has."""

    def __init__(self, container_id: str, cause: str) -> None:
        super().__init__(f"Cannot update container {container_id}: {cause}")
        self.container_id = container_id
        self.cause = cause


class UpdateFailed(EngineError):
    """The container could not be changed."""

    def __init__(self, container_id: str, cause: str) -> None:
        super().__init__(f"Cannot update container {container_id}: {cause}")
        self.container_id = container_id
        self.cause = cause


def update(engine: Engine, name: str, wanted: HostConfig) -> list[str]:
    """Change what wanted names of a container's limits and restart policy; returns warnings.

    Raises NoSuchContainer, InvalidParameter subclasses as create does, UpdateConflict, UpdateFailed.
    """
    known = facts.gather()
    warnings = check(wanted, known)
    wanted = discard_unsupported(wanted, known.support)
    container_id = rows.find_id(engine.database, name)
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        container = settled(engine, container_id)
        if container.state.status in (DEAD, REMOVING):
            raise UpdateFailed(container_id, 'container is marked for removal and cannot be "update"')
        cause = conflict(container.host, wanted)
        if cause:
            raise UpdateConflict(container_id, cause)
        host = merged(container.host, wanted)
        if container.state.alive:
            _apply(engine, container, wanted, known.cgroups)
        changed = replace(container, definition=replace(container.definition, host=host))
        with engine.database.transaction() as tx:
            rows.change(tx, container_id, definition=encode(changed.definition))
            rows.event(tx, changed, "update")
    return warnings


def check(wanted: HostConfig, known: HostFacts) -> list[str]:
    """Return warnings about limits by themselves. Raises InvalidParameter subclasses."""
    check_host(wanted, known)
    warnings = check_limits(wanted, known.support, update=True)
    if wanted.io_maximum_bandwidth or wanted.io_maximum_iops:
        raise QualityOfServiceUnsupported
    check_parent(wanted.cgroup_parent, known.cgroups)
    return warnings


def conflict(old: HostConfig, wanted: HostConfig) -> str:
    """Return what speaks against a change, in dockerd's words; "" for nothing."""
    if wanted.nano_cpus > 0 and old.cpu_period > 0:
        return "Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set"
    if wanted.nano_cpus > 0 and old.cpu_quota > 0:
        return "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set"
    if wanted.cpu_period > 0 and old.nano_cpus > 0:
        return "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set"
    if wanted.cpu_quota > 0 and old.nano_cpus > 0:
        return "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set"
    if wanted.memory and not wanted.memory_swap and wanted.memory > old.memory_swap:
        return (
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
        )
    if old.auto_remove and wanted.restart_policy.name not in ("", "no"):
        return "Restart policy cannot be updated because AutoRemove is enabled for the container"
    return ""


def merged(old: HostConfig, wanted: HostConfig) -> HostConfig:
    """Return the configuration after a change; no limit on processes is recorded as 0."""
    changes: dict[str, Any] = {name: value for name in CHANGEABLE if (value := getattr(wanted, name))}
    if wanted.pids_limit is not None:
        changes["pids_limit"] = max(0, wanted.pids_limit)
    if wanted.restart_policy.name:
        changes["restart_policy"] = wanted.restart_policy
    return replace(old, **changes)


def live_resources(wanted: HostConfig, layout: CgroupLayout) -> dict[str, Any]:
    """Return linux.resources for a running container: only what is to change, and of that what can be changed.

    Lifted limits on processes and processor time are not among it, see _apply.
    """
    plain = replace(
        wanted, memory_swappiness=None, oom_kill_disable=None, cpu_realtime_period=0, cpu_realtime_runtime=0
    )
    memory = resources.memory(plain, layout)
    if wanted.memory_swap < 0:
        memory["swap"] = resources.UNLIMITED
    parts = {
        "memory": memory,
        "cpu": resources.cpu(plain),
        "blockIO": {"weight": wanted.blkio_weight} if wanted.blkio_weight else {},
        "pids": {"limit": wanted.pids_limit} if (wanted.pids_limit or 0) > 0 else {},
    }
    return {name: part for name, part in parts.items() if part}


def _apply(engine: Engine, container: Container, wanted: HostConfig, layout: CgroupLayout) -> None:
    if layout.version == "2" and wanted.memory_swap and not wanted.memory:
        wanted = replace(wanted, memory=container.host.memory)  # v2 counts swap by itself, so both are needed
    limits = live_resources(wanted, layout)
    try:
        if limits:
            find_runtime(engine, container).update(container.id, limits)
        if wanted.pids_limit is not None and wanted.pids_limit <= 0:
            _write(container, "pids", "pids.max", "max")
        if wanted.cpu_quota < 0:
            _write(container, "cpu", *(("cpu.max", "max") if layout.version == "2" else ("cpu.cfs_quota_us", "-1")))
    except RuntimeFailed as error:
        raise UpdateFailed(container.id, error.text) from error
    except OSError as error:
        raise UpdateFailed(container.id, str(error)) from error


def _write(container: Container, controller: str, name: str, value: str) -> None:
    """Lift a limit ourselves: the kernel refuses what crun before 1.9 writes for none."""
    groups = cgroup_of.find(container.state.pid, container.id)
    folder = groups.folder(controller) if groups is not None else None
    if folder is not None:
        with open(f"{folder}/{name}", "w", encoding="ascii") as file:
            file.write(value)
