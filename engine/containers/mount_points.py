"""The places of a container's mounts, made in its root where the image has none, as runc makes them.

crun would make them, too, but folders with the sticky bit and files for their owner alone, and what lies between the
root and a place is seen in the container, by `docker export` and in a commit. What cannot be made here is left to it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine import syscalls
from engine.containers.skeleton import make_file
from engine.containers.working_directory import WorkingDirectoryNotFolder, make_folder_at

_FILE_MODE = 0o644
_FOLDER_MODE = 0o755
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


def make(rootfs: Path, mounts: Sequence[Mapping[str, Any]]) -> None:
    """Make what the mounts of a runtime spec need in a mounted root, which may be hostile.

    Of a mount that lies in another one the place is made there, where that is a folder of the machine's and writable.
    """
    root = os.open(rootfs, _FOLDER)
    try:
        for mount in mounts:
            place = os.path.normpath(mount["destination"]).lstrip("/")
            is_folder = mount["type"] != "bind" or os.path.isdir(mount["source"])
            outer = _outer(mount, mounts)
            with suppress(OSError, WorkingDirectoryNotFolder):
                if outer is None:
                    _make(root, place, is_folder=is_folder)
                elif outer["type"] == "bind" and not {"ro", "rro"}.intersection(outer["options"]):
                    inner = os.path.relpath("/" + place, outer["destination"])
                    _make_strictly(outer["source"], inner.split("/"), is_folder=is_folder)
    finally:
        os.close(root)


def _outer(mount: Mapping[str, Any], mounts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the innermost of the mounts that another one lies in, None for one that lies in the root itself."""
    above = [each for each in mounts if mount["destination"].startswith(each["destination"].rstrip("/") + "/")]
    return max(above, key=lambda each: len(each["destination"]), default=None)


def _make(root: int, place: str, *, is_folder: bool) -> None:
    """Make a folder or an empty file below an open root, and the folders above it."""
    if is_folder:
        make_folder_at(root, "/" + place)
        return
    above, _, name = place.rpartition("/")
    try:
        os.close(syscalls.openat2(root, place, os.O_PATH))
    except FileNotFoundError:
        make_folder_at(root, "/" + above)
        parent = syscalls.openat2(root, above or ".", _FOLDER)
        try:
            make_file(name, parent, _FILE_MODE)
        finally:
            os.close(parent)


def _make_strictly(top: str, parts: list[str], *, is_folder: bool) -> None:
    """Do the same in a folder of the machine's, in which no link is followed: others may be at work there."""
    here = os.open(top, _FOLDER)
    try:
        for number, name in enumerate(parts):
            if number == len(parts) - 1 and not is_folder:
                with suppress(FileExistsError):
                    make_file(name, here, _FILE_MODE)
                return
            made = False
            with suppress(FileExistsError):
                os.mkdir(name, _FOLDER_MODE, dir_fd=here)
                made = True
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = below
            if made:
                os.fchmod(here, _FOLDER_MODE)  # what it was made with heeds the umask
    finally:
        os.close(here)
