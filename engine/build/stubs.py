"""What a step's layer holds that the step did not write: the places that things were mounted on while it ran.

The engine and the runtime make files and folders for their mounts where the image has none. They are no part of the
step's layer unless something else was put into them. Needs root.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from engine import syscalls
from engine.containers.changes import MOUNT_POINTS
from engine.lean_dataclasses import dataclass, field
from engine.storage.pack import Leave

_STAY = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS


@dataclass(slots=True)
class _Place:
    """A path that something was mounted on, or that leads to one; kind is 0 for those that only lead there."""

    kind: int = 0
    inner: dict[str, _Place] = field(default_factory=dict)


def made_for_mounts(diff: Path, below: int, targets: Iterable[str]) -> Leave:
    """Return what tells, by path and stat, which parts of a layer are no part of the step.

    below is the open tree of the layers below; targets are the paths of mounts beyond those that all containers have.
    """
    top = _Place()
    for path, kind in MOUNT_POINTS.items():
        _place(top, path).kind = kind
    for path in targets:
        place = _place(top, path)
        place.kind = place.kind or -1
    found: set[str] = set()
    root = os.open(diff, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name, place in top.inner.items():
            _visit(root, name, name, place, below, found)
    finally:
        os.close(root)

    def leave(path: str, _: os.stat_result) -> bool:
        return path in found

    return leave


def _place(top: _Place, path: str) -> _Place:
    place = top
    for name in path.split("/"):
        if name:
            place = place.inner.setdefault(name, _Place())
    return place


def _visit(parent: int, name: str, path: str, place: _Place, below: int, found: set[str]) -> bool:
    """Look at one place; returns whether nothing of it is the step's."""
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return True
    before = _before(below, path)
    if stat.S_ISDIR(status.st_mode):
        if place.kind not in (0, -1, stat.S_IFDIR) or not _holds_nothing(parent, name, path, place, below, found):
            return False
        if before is not None and _differ(before, status):
            return False
    else:
        expected = place.kind in (stat.S_IFMT(status.st_mode), -1) and place.kind != 0
        if not expected or before is not None or (stat.S_ISREG(status.st_mode) and status.st_size):
            return False
    found.add(path)
    return True


def _holds_nothing(parent: int, name: str, path: str, place: _Place, below: int, found: set[str]) -> bool:
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        nothing = True
        for each in os.listdir(fd):
            inner = place.inner.get(each)
            if inner is None or not _visit(fd, each, f"{path}/{each}", inner, below, found):
                nothing = False
        return nothing
    finally:
        os.close(fd)


def _before(below: int, path: str) -> os.stat_result | None:
    try:
        fd = syscalls.openat2(below, path, os.O_PATH | os.O_NOFOLLOW, resolve=_STAY)
    except OSError:
        return None
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _differ(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_mode, one.st_uid, one.st_gid) != (other.st_mode, other.st_uid, other.st_gid)
