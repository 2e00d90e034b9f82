"""What a container changed in its image's files, running or not.

Only what the container's own layer holds can differ, so only that is walked, and compared with what the layers below
show under the same names. As dockerd does it, a file counts as modified by its status alone, never by its content,
and a folder neither by its time nor by its size.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from engine.containers import rows
from engine.errors import NoSuchContainer
from engine.lean_dataclasses import dataclass
from engine.storage.merged import Merged, Node, Place, is_whiteout

if TYPE_CHECKING:
    from engine import Engine

MODIFIED = 0
ADDED = 1
DELETED = 2
CAPABILITY = "security.capability"

# Where the engine and the runtime put something of theirs: a container does not have it from its image, and did
# not make it either. dockerd has these in a layer of its own below the container's.
MOUNT_POINTS = {
    "/.dockerenv": stat.S_IFREG,
    "/dev": stat.S_IFDIR,
    "/dev/console": stat.S_IFREG,
    "/dev/pts": stat.S_IFDIR,
    "/dev/shm": stat.S_IFDIR,
    "/dev/mqueue": stat.S_IFDIR,
    "/etc": stat.S_IFDIR,
    "/etc/hostname": stat.S_IFREG,
    "/etc/hosts": stat.S_IFREG,
    "/etc/mtab": stat.S_IFLNK,
    "/etc/resolv.conf": stat.S_IFREG,
    "/proc": stat.S_IFDIR,
    "/sys": stat.S_IFDIR,
}


@dataclass(frozen=True, slots=True)
class Change:
    """A path of the container and what became of it: MODIFIED, ADDED or DELETED."""

    path: str
    kind: int


def changes(engine: Engine, name: str) -> list[Change]:
    """Return the changes by path, folders before what is in them. Raises NoSuchContainer."""
    container_id = rows.find_id(engine.database, name)
    try:
        view = Merged(engine.store.folders(container_id))
    except FileNotFoundError:
        raise NoSuchContainer(name) from None
    with view:
        return compare(view)


def compare(view: Merged) -> list[Change]:
    """Return how the topmost layer of a view changes the others."""
    found: dict[str, int] = {}
    pending: list[tuple[str, Place, tuple[Place, ...]]] = [("", Place(0, "."), view.root(1))]
    while pending:
        path, own, below = pending.pop()
        before = {node.name: node for node in view.nodes(below)}
        seen = set()
        for name, status in view.own_entries(own):
            seen.add(name)
            old, full, place = before.get(name), f"{path}/{name}", own.below(name)
            if is_whiteout(status):
                if old is not None:
                    found[full] = DELETED
                continue
            if old is None:
                if not _is_mount_point(full, status):
                    found[full] = ADDED
            elif differs(old.status, status) or _capability_differs(view, old, place):
                found[full] = MODIFIED
            if stat.S_ISDIR(status.st_mode):
                pending.append((full, place, old.places if old is not None else ()))
        if before.keys() - seen and view.opaque(own):
            found |= {f"{path}/{name}": DELETED for name in before.keys() - seen}
    return _with_parents(found)


def differs(old: os.stat_result, new: os.stat_result) -> bool:
    """Tell whether a file's status shows that it was changed; a time without a fraction stands for its whole second."""
    if (old.st_mode, old.st_uid, old.st_gid, old.st_rdev) != (new.st_mode, new.st_uid, new.st_gid, new.st_rdev):
        return True
    if stat.S_ISDIR(old.st_mode):
        return False
    return old.st_size != new.st_size or not _same_time(old.st_mtime_ns, new.st_mtime_ns)


def _same_time(old: int, new: int) -> bool:
    second = 1_000_000_000
    return old == new or (old // second == new // second and (old % second == 0 or new % second == 0))


def _capability_differs(view: Merged, old: Node, new: Place) -> bool:
    if not stat.S_ISREG(old.status.st_mode):
        return False
    return view.attribute(old.place, CAPABILITY) != view.attribute(new, CAPABILITY)


def _is_mount_point(path: str, status: os.stat_result) -> bool:
    kind = stat.S_IFMT(status.st_mode)
    return MOUNT_POINTS.get(path) == kind and (kind != stat.S_IFREG or status.st_size == 0)


def _with_parents(found: dict[str, int]) -> list[Change]:
    """Add the folders in which something changed, and sort."""
    every = dict(found)
    for path in found:
        while (path := path.rpartition("/")[0]) and path not in every:
            every[path] = MODIFIED
    return [Change(path, every[path]) for path in sorted(every, key=lambda path: path.split("/"))]
