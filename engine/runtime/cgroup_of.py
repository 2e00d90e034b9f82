"""The cgroups that a running container is in, found by one of its processes.

A pid alone proves nothing, because the kernel gives numbers again; the container's id in the path of its cgroup does.
So what is found here belongs to the container, or nothing is found. Called by the verbs that count and limit.
"""

from __future__ import annotations

import os

from engine.lean_dataclasses import dataclass
from engine.runtime.cgroups import MOUNT


@dataclass(frozen=True, slots=True)
class ContainerCgroups:
    """A container's folder in each hierarchy, by controller; "" is the v2 hierarchy's, the only one on v2."""

    folders: dict[str, str]

    @property
    def unified(self) -> bool:
        """Whether the v2 hierarchy holds the controllers."""
        return list(self.folders) == [""]

    def folder(self, controller: str) -> str | None:
        """Return the folder in which a controller has its files."""
        return self.folders.get("" if self.unified else controller)

    def processes(self) -> list[int]:
        """Return the pids of all processes in the container, those of cgroups made inside it too."""
        names = ("", "pids", "devices", "freezer", "name=systemd", *self.folders)
        top = next(self.folders[name] for name in names if name in self.folders and (name or self.unified))
        pids: list[int] = []
        for folder, _, _ in os.walk(top):
            try:
                with open(f"{folder}/cgroup.procs", encoding="ascii") as file:
                    pids += [int(line) for line in file]
            except OSError:
                continue  # removed meanwhile, or a group of threads
        return pids


def find(pid: int, container_id: str, *, mount: str = MOUNT, proc: str = "/proc") -> ContainerCgroups | None:
    """Return the cgroups of a container by its first process; None when that has ended."""
    if pid <= 0:
        return None
    try:
        with open(f"{proc}/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            paths = container_paths(file.read(), container_id)
    except (FileNotFoundError, ProcessLookupError):
        return None
    unified = os.path.exists(f"{mount}/cgroup.controllers")
    folders = {
        name: f"{mount}{path}" if unified else f"{mount}/{name.removeprefix('name=')}{path}"
        for name, path in paths.items()
        if (name == "") == unified
    }
    return ContainerCgroups(folders) if folders else None


def container_paths(text: str, container_id: str) -> dict[str, str]:
    """Return the container's own path for each controller that /proc/PID/cgroup tells of.

    The process may be deeper, in a group that the runtime or the container made; the path ends with the part that
    holds the container's id. Hierarchies whose path lacks the id are left out.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        parts = path.split("/")
        at = next((index for index, part in enumerate(parts) if container_id in part), None)
        if at is not None:
            for name in controllers.split(","):
                found[name] = "/".join(parts[: at + 1])
    return found
