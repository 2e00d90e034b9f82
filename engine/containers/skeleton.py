"""What every container's root has from the start, whatever its image; dockerd keeps it in a layer of its own.

It is made in the container's own layer when that is first used. engine.containers.changes tells it apart from what the
container made itself.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from engine import syscalls

MARK = ".dockerenv"  # programs look for it, too
FOLDERS = ("dev", "dev/pts", "dev/shm", "proc", "sys", "etc")
FILES = ("dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf")
LINKS = {"etc/mtab": "/proc/mounts"}
_MODE = 0o755
_OPEN_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


def make(rootfs: Path) -> None:
    """Make in a mounted root what its image lacks; the root may be hostile, so no link is followed out of it."""
    root = os.open(rootfs, _OPEN_FOLDER)
    try:
        for path in FOLDERS:
            with suppress(OSError):  # something else is there: the runtime decides whether that will do
                _make(root, path, folder=True)
        for path, target in LINKS.items():
            with suppress(OSError):
                _make(root, path, target=target)
        for path in (*FILES, MARK):
            with suppress(OSError):
                _make(root, path)
    finally:
        os.close(root)


def is_made(rootfs: Path) -> bool:
    """Whether a mounted root has it: the mark is made last."""
    return os.path.lexists(rootfs / MARK)


def size(layer: Path) -> int:
    """Return the bytes that it has in a container's own layer; dockerd counts none of them for the container's."""
    total = 0
    for path, target in LINKS.items():
        with suppress(OSError):
            total += len(target) if os.readlink(layer / path) == target else 0
    return total


def _make(root: int, path: str, *, folder: bool = False, target: str = "") -> None:
    above, _, name = path.rpartition("/")
    parent = syscalls.openat2(root, above or ".", _OPEN_FOLDER)
    try:
        if target:
            os.symlink(target, name, dir_fd=parent)
            return
        if not folder:
            make_file(name, parent, _MODE)
            return
        os.mkdir(name, _MODE, dir_fd=parent)
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            os.fchmod(fd, _MODE)  # what it was made with heeds the umask
        finally:
            os.close(fd)
    finally:
        os.close(parent)


def make_file(name: str, parent: int, mode: int) -> None:
    """Make an empty file in an open folder, with just this mode. Raises OSError, also where something is there."""
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=parent)
    try:
        os.fchmod(fd, mode)  # what it was made with heeds the umask
    finally:
        os.close(fd)
