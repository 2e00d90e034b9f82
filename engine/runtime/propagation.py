"""Whether a bind's source lies on a mount that can pass mounts on, as shared and slave propagation need.

The runtime would not notice: the mount would only stay private. dockerd refuses the start, so we do.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from engine.containers.config import MountPoint
from engine.errors import EngineError
from engine.lean_dataclasses import replace
from engine.runtime.spec_mounts import DEFAULT_PROPAGATION

_SHARED = ("shared", "rshared")
_SLAVE = ("slave", "rslave")


class NotPropagating(EngineError):
    """The mount that a source lies on is not of the wanted kind; kind is "shared" or "shared or slave"."""

    def __init__(self, path: str, mount: str, kind: str) -> None:
        super().__init__(f"path {path} is mounted on {mount} but it is not a {kind} mount")
        self.path = path
        self.mount = mount
        self.kind = kind


def check_propagation(points: Sequence[MountPoint]) -> list[MountPoint]:
    """Check every mount point that wants more than private propagation, and return them all as they can be.

    Raises NotPropagating, but for what need not be a slave, and OSError.
    """
    if not any(point.propagation in _SHARED + _SLAVE for point in points):
        return list(points)
    mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    return [_possible(point, mountinfo) if point.propagation in _SHARED + _SLAVE else point for point in points]


def _possible(point: MountPoint, mountinfo: str) -> MountPoint:
    mount, tags = covering_mount(os.path.realpath(point.source), mountinfo)
    shared = any(tag.startswith("shared:") for tag in tags)
    if point.propagation in _SHARED and not shared:
        raise NotPropagating(point.source, mount, "shared")
    if shared or any(tag.startswith("master:") for tag in tags):
        return point
    if not point.slave_if_possible:
        raise NotPropagating(point.source, mount, "shared or slave")
    return replace(point, propagation=DEFAULT_PROPAGATION)


def covering_mount(path: str, mountinfo: str) -> tuple[str, list[str]]:
    """Return the mount that path lies on and its optional fields (proc(5)), of several there the last."""
    best, tags = "", [""]
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        point = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, tags = point, fields[6 : fields.index("-", 6)]
    return best, tags
