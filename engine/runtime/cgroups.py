"""Which cgroup hierarchy the machine has, and where in it a container goes.

Three layouts exist: v1 (a hierarchy per controller), hybrid (v1 with a v2 hierarchy beside it) and v2. On a v2
machine that systemd runs, systemd owns the tree, so the runtime asks it for a scope; everywhere else the
runtime makes folders itself. Called by the start verb and by info.
"""

from __future__ import annotations

import os
import posixpath
from contextlib import suppress

from engine.errors import InvalidParameter, Unavailable
from engine.lean_dataclasses import dataclass

MOUNT = "/sys/fs/cgroup"
V1 = "v1"
HYBRID = "hybrid"
V2 = "v2"
CGROUPFS = "cgroupfs"
SYSTEMD = "systemd"

# dockerd's parents, so that what looks for "docker" in /proc/self/cgroup finds it.
DEFAULT_PARENT = "/docker"
DEFAULT_SLICE = "system.slice"


class InvalidCgroupParent(InvalidParameter):
    """A parent that systemd cannot have."""

    def __init__(self, parent: str) -> None:
        super().__init__('cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"')
        self.parent = parent


class HybridCgroupRefused(Unavailable):
    """The runtime does not work on a hybrid machine whose v2 hierarchy still holds controllers."""

    def __init__(self, controllers: str = "") -> None:
        held = f" ({controllers})" if controllers else ""
        first = (controllers.split() or ["hugetlb"])[0]
        super().__init__(
            f"the runtime refuses this machine's hybrid cgroups while the v2 hierarchy holds controllers{held}: "
            f"give each to v1 (mkdir -p {MOUNT}/{first} && mount -t cgroup -o {first} cgroup {MOUNT}/{first}) "
            "or boot with systemd.unified_cgroup_hierarchy=1"
        )
        self.controllers = controllers


@dataclass(frozen=True, slots=True)
class CgroupLayout:
    """How cgroups are arranged (V1, HYBRID, V2) and who makes them (CGROUPFS, SYSTEMD)."""

    mode: str = V2
    driver: str = CGROUPFS
    unified_controllers: str = ""  # what a hybrid machine's v2 side holds; "" is as it should be

    @property
    def version(self) -> str:
        """The version as info reports it: the controllers' hierarchy counts."""
        return "2" if self.mode == V2 else "1"

    @property
    def runtime_arguments(self) -> list[str]:
        """Global options that crun and runc need for this layout."""
        return ["--systemd-cgroup"] if self.driver == SYSTEMD else []

    def container_path(self, container_id: str, parent: str = "") -> str:
        """Return linux.cgroupsPath for a container: a folder, or slice:prefix:name for systemd.

        Raises InvalidCgroupParent.
        """
        check_parent(parent, self)
        if self.driver == SYSTEMD:
            return f"{parent or DEFAULT_SLICE}:docker:{container_id}"
        folder = parent or DEFAULT_PARENT
        # Cleaned as runc does, so that no number of dots leads out of the control groups.
        cleaned = posixpath.normpath("/" + folder.lstrip("/"))
        return posixpath.join(cleaned if folder.startswith("/") else cleaned[1:], container_id)


def check_parent(parent: str, layout: CgroupLayout) -> None:
    """Refuse a CgroupParent that the layout's driver cannot use. Raises InvalidCgroupParent."""
    if parent and layout.driver == SYSTEMD and not (len(parent) > len(".slice") and parent.endswith(".slice")):
        raise InvalidCgroupParent(parent)


def detect(mount: str = MOUNT, systemd: str = "/run/systemd/system") -> CgroupLayout:
    """Look at the machine; mount is where its cgroups are, systemd the folder that tells that it runs."""
    if os.path.exists(f"{mount}/cgroup.controllers"):
        return CgroupLayout(V2, SYSTEMD if os.path.isdir(systemd) else CGROUPFS)
    try:
        with open(f"{mount}/unified/cgroup.controllers", encoding="ascii") as file:
            return CgroupLayout(HYBRID, CGROUPFS, file.read().strip())
    except FileNotFoundError:
        return CgroupLayout(V1, CGROUPFS)


def remove_left(layout: CgroupLayout, path: str, mount: str = MOUNT) -> None:
    """Remove the empty groups that a runtime made at a path of linux.cgroupsPath before it failed, where it did."""
    if not path.startswith("/"):
        return  # systemd's own, or relative to the runtime's group, where only the runtime knows what is what
    hierarchies = [mount] if layout.mode == V2 else [f"{mount}/{name}" for name in os.listdir(mount)]
    for hierarchy in hierarchies:
        with suppress(OSError):  # not there, or something runs in it
            os.rmdir(hierarchy + path)


def explain_runtime_error(text: str, layout: CgroupLayout | None = None) -> Unavailable | None:
    """Return the error that says what to do about a runtime's message, or None when it is not about cgroups."""
    if "hybrid mode not supported" in text:
        return HybridCgroupRefused((layout or detect()).unified_controllers)
    return None
