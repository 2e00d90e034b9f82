"""The working directory of a container: made in its root where the image has none, as dockerd does at create.

The root may be hostile: every step is taken below it (openat2 with RESOLVE_IN_ROOT), so no link leads out.
"""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

from engine import syscalls
from engine.errors import EngineError

_MAXIMUM_LINKS = 40


class WorkingDirectoryNotFolder(EngineError):
    """Something that is no folder lies where the working directory is to be."""

    def __init__(self, path: str) -> None:
        super().__init__(f"Cannot mkdir: {path} is not a directory")
        self.path = path


def make_working_directory(rootfs: Path, path: str, uid: int = 0, gid: int = 0) -> None:
    """Make path and its missing parents in a mounted root, owned by uid and gid, mode 755; existing ones stay.

    Raises WorkingDirectoryNotFolder and OSError.
    """
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        make_folder_at(root, path, uid, gid)
    finally:
        os.close(root)


def make_folder_at(root: int, path: str, uid: int = 0, gid: int = 0) -> None:
    """Do the same in an open root."""
    try:
        if not _is_folder(root, path):
            _make(root, path, uid, gid)
    except (NotADirectoryError, FileExistsError) as error:
        raise WorkingDirectoryNotFolder(path) from error


def _is_folder(root: int, path: str) -> bool:
    try:
        os.close(syscalls.openat2(root, path, os.O_PATH | os.O_DIRECTORY))
    except FileNotFoundError:
        return False
    return True


def _make(root: int, path: str, uid: int, gid: int) -> None:
    """Make each part that is missing; a link that leads nowhere is followed in the root, and its end made."""
    done = "/"
    parts = _parts(path)
    links = 0
    while parts:
        name = parts.pop(0)
        here = posixpath.normpath(posixpath.join(done, name))
        parent = syscalls.openat2(root, done, os.O_PATH | os.O_DIRECTORY)
        try:
            if not _is_folder(root, here):
                try:
                    os.mkdir(name, 0o755, dir_fd=parent)
                except FileExistsError:
                    links += 1
                    target = _link(name, parent)
                    if target is None or links > _MAXIMUM_LINKS:
                        raise
                    parts = _parts(target) + parts
                    done = "/" if target.startswith("/") else done
                    continue
                made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
                try:
                    os.fchmod(made, 0o755)
                    os.fchown(made, uid, gid)
                finally:
                    os.close(made)
        finally:
            os.close(parent)
        done = here


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _link(name: str, parent: int) -> str | None:
    try:
        return os.readlink(name, dir_fd=parent)
    except OSError:
        return None
