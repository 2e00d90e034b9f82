"""Mounting a part of a volume: found inside the volume, whatever links are in there, and held in place for the start.

The part is bind-mounted at a place of the engine's own in the container's run folder, since a path could be
exchanged for a link between the look and the mount. The runtime mounts it from there; drop_subpaths takes it away
when the container has been made or has failed to be.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from engine import syscalls
from engine.containers.config import MountPoint
from engine.errors import EngineError, InvalidParameter, NotFound
from engine.lean_dataclasses import replace

FOLDER = "subpaths"  # in the run folder


class SubpathUnusable(EngineError):
    """A part of a volume that is not there or leads out of it."""

    def __init__(self, volume: str, subpath: str, cause: str) -> None:
        super().__init__(f"cannot access path {volume}/{subpath}: {cause}")
        self.volume = volume
        self.subpath = subpath
        self.cause = cause


class SubpathUnresolved(SubpathUnusable):
    """A part of a volume below a file."""

    def __str__(self) -> str:
        return f'error while resolving symlinks in combined path "{self.volume}/{self.subpath}": {self.cause}'


class SubpathEscapes(SubpathUnusable, InvalidParameter):
    """A part of a volume that a link leads out of it."""

    def __str__(self) -> str:
        return f"path concatenation escapes the base directory, base: {self.volume}, subpath: {self.subpath}"


class SubpathMissing(SubpathUnusable, NotFound):
    """A part of a volume that is not there."""


def hold_subpaths(points: Sequence[MountPoint], run_folder: Path) -> list[MountPoint]:
    """Return the mounts with the source of each part of a volume at its place below run_folder.

    Raises SubpathUnusable and OSError; drop_subpaths is due in any case.
    """
    held = []
    for number, point in enumerate(points):
        if point.subpath:
            place = run_folder / FOLDER / str(number)
            _hold(point, place)
            point = replace(point, source=str(place))
        held.append(point)
    return held


def drop_subpaths(run_folder: Path) -> None:
    """Undo hold_subpaths, however far it got."""
    folder = run_folder / FOLDER
    if not folder.is_dir():
        return
    for place in folder.iterdir():
        try:
            syscalls.umount2(place, syscalls.MNT_DETACH)
        except OSError:
            pass  # not mounted yet
        if place.is_dir():
            place.rmdir()
        else:
            place.unlink()
    folder.rmdir()


def open_part(source: str, subpath: str) -> int:
    """Open a part of a volume, as a place (O_PATH). Raises SubpathUnusable."""
    volume = os.open(source, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return syscalls.openat2(volume, subpath, os.O_PATH, resolve=syscalls.RESOLVE_BENEATH)
    except OSError as error:
        cause = os.strerror(error.errno).lower() if error.errno else str(error)
        if error.errno == errno.EXDEV:
            raise SubpathEscapes(source, subpath, cause) from error
        if error.errno == errno.ENOTDIR:
            raise SubpathUnresolved(source, subpath, cause) from error
        kind = SubpathMissing if error.errno == errno.ENOENT else SubpathUnusable
        raise kind(source, subpath, f"lstat {source}/{subpath}: {cause}") from error
    finally:
        os.close(volume)


def _hold(point: MountPoint, place: Path) -> None:
    part = open_part(point.source, point.subpath)
    try:
        place.parent.mkdir(mode=0o700, exist_ok=True)
        if stat.S_ISDIR(os.fstat(part).st_mode):
            place.mkdir(mode=0o700)
        else:
            place.touch(mode=0o600)
        syscalls.mount(f"/proc/self/fd/{part}", place, "", syscalls.MS_BIND | syscalls.MS_REC)
    finally:
        os.close(part)
