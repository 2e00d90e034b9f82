"""A layer that is being written on others, by the engine itself: mounted where no path leads, gone when it is closed.

The overlay is mounted in a staging folder, a copy of the mount is taken that is in no namespace, and the first one
unmounted: the descriptor of the copy keeps it alive, so that a killed process leaves no mount behind. (Unmounted only
lazily, without the copy, it would be a tree in which the kernel cannot follow "..".) Only engine.storage makes these.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine import syscalls
from engine.lean_dataclasses import dataclass
from engine.storage.overlay import ROOT_MODE, Overlay

_HERE = -100  # AT_FDCWD


@dataclass(frozen=True, slots=True)
class Scratch:
    """An open layer: root is the merged tree's, diff the folder that holds what is written to it."""

    root: int
    diff: Path


@contextmanager
def writable(overlay: Overlay, parent: str | None, folder: Path) -> Iterator[Scratch]:
    """Mount a new layer in a new folder, over a parent with all below it; what is written to it stays there."""
    diff, work, merged = folder / "diff", folder / "work", folder / "merged"
    for path in (folder, diff, work, merged):
        path.mkdir(mode=ROOT_MODE if path == diff else 0o700)
    diff.chmod(ROOT_MODE)  # mkdir heeds the umask
    if parent is None:
        root = os.open(diff, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    else:
        root = _mounted(overlay, merged, overlay.lowers(parent), diff, work)
    try:
        yield Scratch(root, diff)
    finally:
        os.close(root)


@contextmanager
def readable(overlay: Overlay, top: str | None, folder: Path) -> Iterator[int]:
    """Open the tree of a layer with all below it, read-only where it is mounted; folder is a new one for the mount."""
    lower = overlay.lowers(top)
    folder.mkdir(mode=0o700)
    if len(lower) > 1:
        root = _mounted(overlay, folder, lower)
    else:
        path = folder if top is None else overlay.folder(top) / "diff"
        root = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield root
    finally:
        os.close(root)


@contextmanager
def shown(overlay: Overlay, top: str | Path, place: Path, upper: Path | None) -> Iterator[None]:
    """Mount a layer with all below it, or a folder, on the new folder place, for the mounts of a container.

    upper is a new folder below a staging folder, for what is written there, None where several layers can only be read.
    This mount has a path: unmount_below takes away those that a killed process left.
    """
    lowers = [str(top)] if isinstance(top, Path) else overlay.lowers(top)
    place.mkdir(mode=0o700)
    work = None
    if upper is not None:
        work = upper.with_name(f"{upper.name}-work")
        upper.mkdir(mode=ROOT_MODE)
        upper.chmod(ROOT_MODE)
        work.mkdir(mode=0o700)
    try:
        overlay.mount_at(place, lowers, upper, work)
        yield
    finally:
        unmount_below(place.parent, place.name)


def unmount_below(folder: Path, *names: str) -> None:
    """Unmount what shown has mounted on folders with these names, and remove them; what is not there is no error."""
    for name in names:
        place = folder / name
        with suppress(OSError):  # nothing is mounted there
            syscalls.umount2(place, syscalls.MNT_DETACH | syscalls.UMOUNT_NOFOLLOW)
        with suppress(OSError):  # no folder, or one that is not empty
            place.rmdir()


def _mounted(
    overlay: Overlay, place: Path, lowers: list[str], upper: Path | None = None, work: Path | None = None
) -> int:
    """Mount, take a copy of the mount that is in no namespace, and unmount; returns the root."""
    overlay.mount_at(place, lowers, upper, work)
    try:
        return syscalls.open_tree(_HERE, str(place), syscalls.OPEN_TREE_CLONE)
    finally:
        syscalls.umount2(place, syscalls.MNT_DETACH | syscalls.UMOUNT_NOFOLLOW)
