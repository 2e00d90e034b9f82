"""Which limits this machine's cgroups can keep: what create warns about, and what info reports.

Read from the files that the controllers show, as dockerd reads them. Part of engine.runtime.facts.HostFacts.
"""

from __future__ import annotations

import os

from engine.lean_dataclasses import dataclass, fields
from engine.runtime.cgroups import MOUNT, V2, CgroupLayout


@dataclass(frozen=True, slots=True)
class ResourceSupport:
    """One flag per limit; cpus and mems are lists such as 0-3,7, empty where they cannot be limited."""

    memory: bool = True
    swap: bool = True
    reservation: bool = True
    swappiness: bool = False
    oom_kill_disable: bool = False
    kernel_memory: bool = False
    kernel_memory_tcp: bool = False
    cpu_shares: bool = True
    cpu_quota: bool = True
    cpu_realtime: bool = False
    cpuset: bool = True
    pids: bool = True
    block_weight: bool = True
    block_weight_device: bool = True
    block_read_bps: bool = True
    block_write_bps: bool = True
    block_read_iops: bool = True
    block_write_iops: bool = True
    cgroup_namespaces: bool = True
    cpus: str = ""
    mems: str = ""
    processors: int = 1


_V1_FILES = {
    "memory": "memory/memory.limit_in_bytes",
    "swap": "memory/memory.memsw.limit_in_bytes",
    "reservation": "memory/memory.soft_limit_in_bytes",
    "swappiness": "memory/memory.swappiness",
    "oom_kill_disable": "memory/memory.oom_control",
    "kernel_memory": "memory/memory.kmem.limit_in_bytes",
    "kernel_memory_tcp": "memory/memory.kmem.tcp.limit_in_bytes",
    "cpu_shares": "cpu/cpu.shares",
    "cpu_quota": "cpu/cpu.cfs_quota_us",
    "cpu_realtime": "cpu/cpu.rt_period_us",
    "cpuset": "cpuset/cpuset.cpus",
    "pids": "pids",
    "block_weight": "blkio/blkio.weight",
    "block_weight_device": "blkio/blkio.weight_device",
    "block_read_bps": "blkio/blkio.throttle.read_bps_device",
    "block_write_bps": "blkio/blkio.throttle.write_bps_device",
    "block_read_iops": "blkio/blkio.throttle.read_iops_device",
    "block_write_iops": "blkio/blkio.throttle.write_iops_device",
}
_V2_CONTROLLERS = {
    "memory": ("memory", "reservation"),
    "cpu": ("cpu_shares", "cpu_quota"),
    "cpuset": ("cpuset",),
    "pids": ("pids",),
    "io": (
        "block_weight",
        "block_weight_device",
        "block_read_bps",
        "block_write_bps",
        "block_read_iops",
        "block_write_iops",
    ),
}


def read_support(layout: CgroupLayout, mount: str = MOUNT) -> ResourceSupport:
    """Look at the cgroups below mount."""
    unified = layout.mode == V2
    found = _v2(mount) if unified else {name for name, file in _V1_FILES.items() if os.path.exists(f"{mount}/{file}")}
    folder, ending = (mount, ".effective") if unified else (f"{mount}/cpuset", "")
    flags = {field.name: field.name in found for field in fields(ResourceSupport) if field.type == "bool"}
    return ResourceSupport(
        **flags | {"cgroup_namespaces": os.path.exists("/proc/self/ns/cgroup")},
        cpus=_text(f"{folder}/cpuset.cpus{ending}"),
        mems=_text(f"{folder}/cpuset.mems{ending}"),
        processors=len(os.sched_getaffinity(0)),
    )


def _v2(mount: str) -> set[str]:
    controllers = _text(f"{mount}/cgroup.controllers").split()
    found = {name for controller in controllers for name in _V2_CONTROLLERS.get(controller, ())}
    # The root has no limits of its own, so swap shows in the group that we are in.
    own = next((line[3:] for line in _text("/proc/self/cgroup").splitlines() if line.startswith("0::")), "")
    if "memory" in controllers and os.path.exists(f"{mount}{own}/memory.swap.max"):
        found.add("swap")
    return found


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
