"""Where monitors live: a cgroup of their own, so that the end of a server's unit is not theirs.

A server under systemd is in its service's cgroup, and what it spawns is too; systemd may kill all that is in
there. So monitors are moved to the cgroup /skiff-monitors of systemd's hierarchy. Where that is not allowed
(rootless, a read-only cgroupfs) they stay: KillMode=process in the units lets them live.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

MOUNT = "/sys/fs/cgroup"
NAME = "skiff-monitors"


def move(pid: int) -> None:
    """Move a process that this one has just spawned."""
    if pid <= 0:
        return
    for folder in _folders():
        try:
            os.makedirs(folder, mode=0o755, exist_ok=True)
            fd = os.open(f"{folder}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(fd, b"%d" % pid)
            finally:
                os.close(fd)
        except OSError:
            continue


def _folders() -> Iterator[str]:
    """Yield the target in each of systemd's hierarchies in which this process is below the root."""
    with open("/proc/self/cgroup", encoding="ascii") as file:
        lines = file.read().splitlines()
    for line in lines:
        number, controllers, path = line.split(":", 2)
        # systemd kills by the hierarchy without controllers; moving in the others would cost and gain nothing.
        if path in ("/", f"/{NAME}") or not (number == "0" or controllers == "name=systemd"):
            continue
        if number == "0":
            unified = f"{MOUNT}/unified"
            yield f"{unified if os.path.isdir(unified) else MOUNT}/{NAME}"
        else:
            yield f"{MOUNT}/systemd/{NAME}"
