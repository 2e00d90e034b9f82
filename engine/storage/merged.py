"""Layers seen as one tree, without mounting them: what overlayfs shows, by overlayfs's rules.

A name is looked for from the top down. A character device 0:0 hides it, a folder marked trusted.overlay.opaque hides
what is below that folder, and folders of the same name are merged. Folders that overlayfs renamed by a redirect are
not followed: the engine's mounts make none unless the kernel was told to. Reading needs no lock and no mount, so
that a container may run, start or end meanwhile, and no symbolic link that it puts in the way is followed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine import syscalls
from engine.lean_dataclasses import dataclass

OPAQUE = "trusted.overlay.opaque"
_STAY = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS | syscalls.RESOLVE_NO_MAGICLINKS
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in one layer: the layer's number from the top, and the path below its root, "." for that."""

    layer: int
    path: str

    def below(self, name: str) -> Place:
        """Return the place of something in this folder."""
        return Place(self.layer, name if self.path == "." else f"{self.path}/{name}")


@dataclass(frozen=True, slots=True)
class Node:
    """What a name stands for: its own place, its status, and for a folder all places that are merged in it."""

    name: str
    place: Place
    status: os.stat_result
    places: tuple[Place, ...] = ()

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.status.st_mode)


class Merged:
    """The tree of some layers; holds a descriptor for each until it is closed."""

    def __init__(self, layers: Sequence[Path]) -> None:
        self._roots: list[int] = []
        try:
            for layer in layers:
                self._roots.append(os.open(layer, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Merged:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the layers."""
        while self._roots:
            os.close(self._roots.pop())

    def root(self, first: int = 0) -> tuple[Place, ...]:
        """Return the places of the root folder, of the layers from the first one down."""
        return tuple(Place(layer, ".") for layer in range(first, len(self._roots)))

    def open(self, place: Place, flags: int = os.O_RDONLY) -> int:
        """Open what is at a place, and nothing that lies outside its layer; raises OSError."""
        return syscalls.openat2(self._roots[place.layer], place.path, flags | os.O_NOFOLLOW, resolve=_STAY)

    def nodes(self, places: Sequence[Place]) -> list[Node]:
        """Return what is in a folder, by name; a folder that has gone meanwhile is empty."""
        found: dict[str, Node | None] = {}
        merged: dict[str, list[Place]] = {}  # of folders that the layers below may add to
        last = len(self._roots) - 1
        for place in places:
            for name, status, opaque in self._list(place, look_for_opaque=place.layer < last):
                if name in found:
                    if name in merged and stat.S_ISDIR(status.st_mode):
                        merged[name].append(place.below(name))
                        if opaque:
                            found[name] = _with_places(found[name], merged.pop(name))
                    elif name in merged:
                        found[name] = _with_places(found[name], merged.pop(name))
                    continue
                if is_whiteout(status):
                    found[name] = None
                    continue
                own = place.below(name)
                found[name] = Node(name, own, status, (own,) if stat.S_ISDIR(status.st_mode) else ())
                if stat.S_ISDIR(status.st_mode) and not opaque:
                    merged[name] = [own]
        for name, several in merged.items():
            found[name] = _with_places(found[name], several)
        return [node for _, node in sorted(found.items()) if node is not None]

    def own_entries(self, place: Place) -> list[tuple[str, os.stat_result]]:
        """Return what one layer itself has in a folder, whiteouts too, by name."""
        return sorted((name, status) for name, status, _ in self._list(place, look_for_opaque=False))

    def opaque(self, place: Place) -> bool:
        """Whether a folder of one layer hides those below it."""
        try:
            fd = self.open(place, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return False
        try:
            return _is_opaque(f"/proc/self/fd/{fd}/.")
        finally:
            os.close(fd)

    def attribute(self, place: Place, name: str) -> bytes | None:
        """Return an extended attribute of a file or folder, None where it has none."""
        try:
            fd = self.open(place, os.O_PATH)
        except OSError:
            return None
        try:
            return os.getxattr(f"/proc/self/fd/{fd}", name)
        except OSError:
            return None
        finally:
            os.close(fd)

    def link_target(self, place: Place) -> str:
        """Return where a symbolic link leads; raises OSError."""
        fd = self.open(place, os.O_PATH)
        try:
            return os.readlink("", dir_fd=fd)
        finally:
            os.close(fd)

    def _list(self, place: Place, *, look_for_opaque: bool) -> Iterator[tuple[str, os.stat_result, bool]]:
        try:
            fd = self.open(place, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            if error.errno in _GONE:
                return
            raise
        try:
            for name in os.listdir(fd):
                try:
                    status = os.stat(name, dir_fd=fd, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                folder = look_for_opaque and stat.S_ISDIR(status.st_mode)
                yield name, status, folder and _is_opaque(f"/proc/self/fd/{fd}/{name}")
        finally:
            os.close(fd)


def is_whiteout(status: os.stat_result) -> bool:
    """Whether this is overlayfs's mark for a name that was removed."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _with_places(node: Node | None, places: list[Place]) -> Node:
    assert node is not None
    return Node(node.name, node.place, node.status, tuple(places))


def _is_opaque(path: str) -> bool:
    try:
        return os.getxattr(path, OPAQUE, follow_symlinks=False) == b"y"
    except OSError:
        return False
