"""What may be mounted on a container's /proc: nothing but /proc itself and the few files that lxcfs makes.

runc looks at each mount so, because what lies on /proc would deceive what trusts it; crun 1.8 mounts anything there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from engine import syscalls
from engine.containers.config import MountPoint
from engine.runtime.failures import CREATE_PREFIX, IN_INIT, OTHER, RUNC_CREATE, StartFailed

PROC = "/proc"
FILES = frozenset(
    f"{PROC}/{name}"
    for name in (
        "cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "net/dev",
        "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled",
    )
)  # fmt: skip
_MAGIC = 0x9FA0  # of procfs, linux/magic.h


def check(points: Iterable[MountPoint], tmpfs: Iterable[str], rootfs: str) -> None:
    """Refuse mounts on /proc, tmpfs being the paths of HostConfig.Tmpfs. Raises StartFailed."""
    for point in points:
        if _on_proc(point.destination) and not (point.type == "bind" and _is_harmless(point)):
            raise _refusal(point.source or "tmpfs", point.destination, rootfs)
    for path in tmpfs:
        if _on_proc(os.path.normpath(path)):
            raise _refusal("tmpfs", path, rootfs)


def _on_proc(path: str) -> bool:
    return path == PROC or path.startswith(f"{PROC}/")


def _is_harmless(point: MountPoint) -> bool:
    return point.destination in FILES or (point.destination == PROC and syscalls.file_system(point.source) == _MAGIC)


def _refusal(source: str, destination: str, rootfs: str) -> StartFailed:
    place = os.path.normpath(destination)
    why = "it is not of type proc" if place == PROC else "it is inside /proc"
    cause = (
        f'error mounting "{source}" to rootfs at "{destination}": create mountpoint for {destination} mount: '
        f'check proc-safety of {destination} mount: "{rootfs}{place}" cannot be mounted because {why}'
    )
    return StartFailed(CREATE_PREFIX + RUNC_CREATE + IN_INIT + cause, OTHER)
