"""Copying files out of a container and into it, as `docker cp` does, and telling what a path of it is.

A path is a container's: it begins at the container's root, and no link leads out of that (engine.containers.view).
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from engine import syscalls
from engine.containers import rows
from engine.containers.view import View, opened
from engine.errors import EngineError, InvalidParameter, NotFound
from engine.lean_dataclasses import dataclass

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.config import MountPoint
    from engine.storage.source import Readable

_MAXIMUM_LINKS = 255
_PIECES = os.O_PATH | os.O_NOFOLLOW


class NoSuchPath(NotFound):
    """The container has nothing at this path."""

    def __init__(self, path: str, container: str) -> None:
        super().__init__(f"Could not find the file {path} in container {container}")
        self.path = path
        self.container = container


class PathUnusable(EngineError):
    """A path that cannot be looked up; reason is in dockerd's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotExtractable(InvalidParameter):
    """A place where nothing may be unpacked, or an owner that the container does not know."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PathStat:
    """What is at a path: mode as the kernel has it, mtime in nanoseconds since 1970."""

    name: str
    size: int
    mode: int
    mtime: int
    link_target: str  # where a symbolic link leads in the end, as far as that exists


def stat_path(engine: Engine, name: str, path: str) -> PathStat:
    """Tell what a path is. Raises NoSuchContainer, NoSuchPath, PathUnusable."""
    with _naming(path, name), opened(engine, name) as view:
        return _stat(view.root, path)


def archive_path(engine: Engine, name: str, path: str) -> Iterator[PathStat | bytes]:
    """Give what a path is, then the tar archive of it in pieces.

    Raises NoSuchContainer, NoSuchPath, PathUnusable, before it gives anything.
    """
    from engine.storage.pack import pack

    whole = keep_ending(posixpath.normpath("/" + path.lstrip("/")), path)
    with _naming(path, name), opened(engine, name) as view:
        found = _stat(view.root, whole)
        if stat.S_ISDIR(found.mode):
            folder, start, named = whole, "", "" if whole == "/" else go_base(whole)
        else:
            folder, _, start = whole.rpartition("/")
            named = start
        top = _lookup(view.root, folder or "/", os.O_PATH | os.O_DIRECTORY)
        try:
            with engine.database.telling() as tx:
                rows.event(tx, view.container, "archive-path")
            yield found
            yield from pack(top, start, named)
        finally:
            os.close(top)


def extract_to(
    engine: Engine, name: str, path: str, stream: Readable, *, keep_kinds: bool = False, own_user: bool = False
) -> None:
    """Unpack a tar archive, packed or not, into a folder of a container.

    keep_kinds: no folder gives way to a file nor a file to a folder. own_user: everything belongs to the container's
    user. Raises NoSuchContainer, NoSuchPath, PathUnusable, NotExtractable, BadArchive, UnpackFailed.
    """
    from engine.storage.compression import unpacked
    from engine.storage.source import Source
    from engine.storage.unpack import unpack

    with _naming(path, name), opened(engine, name) as view:
        whole = keep_ending(_resolved(view.root, path), path)
        fd = _lookup(view.root, whole, os.O_PATH | os.O_NOFOLLOW)
        try:
            if not stat.S_ISDIR(os.fstat(fd).st_mode):
                raise NotExtractable("extraction point is not a directory")
            check_writable(whole, view.container.definition.mounts, view.container.host.readonly_rootfs)
            user = view.container.config.user
            owner = _owner(view, user) if own_user and user else None
            unpack(unpacked(Source(stream)), fd, posixpath.normpath(whole), keep_kinds=keep_kinds, owner=owner)
        finally:
            os.close(fd)
        with engine.database.telling() as tx:
            rows.event(tx, view.container, "extract-to-dir")


def keep_ending(clean: str, path: str) -> str:
    """Put the "/" or "/." that a path ends in, and that makes it a folder, on its short form. Pure."""
    if go_base(path) == "." != go_base(clean):
        clean = (clean if clean.endswith("/") else clean + "/") + "."
    return clean + "/" if path.endswith("/") and not clean.endswith("/") else clean


def go_base(path: str) -> str:
    """Return a path's last part, "/" for the root and "." for nothing. Pure."""
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def check_writable(path: str, points: Sequence[MountPoint], read_only_root: bool) -> None:
    """Raise NotExtractable for a place that was made read-only for the container. Pure."""
    clean = posixpath.normpath(path)
    inside = [
        point for point in points if clean == point.destination or clean.startswith(point.destination.rstrip("/") + "/")
    ]
    if inside:
        if not max(inside, key=lambda point: len(point.destination)).read_write:
            raise NotExtractable("mounted volume is marked read-only")
    elif read_only_root:
        raise NotExtractable("container rootfs is marked read-only")


def _stat(root: int, path: str) -> PathStat:
    fd = _lookup(root, path, _PIECES)
    try:
        found = os.fstat(fd)
    finally:
        os.close(fd)
    link = _resolved(root, path, scoped=True) if stat.S_ISLNK(found.st_mode) else ""
    return PathStat(go_base(path), found.st_size, found.st_mode, found.st_mtime_ns, link)


def _lookup(root: int, path: str, flags: int) -> int:
    """Open what is at a path; a last part that is a link and has no slash behind it is not followed."""
    try:
        if "\0" in path:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        return syscalls.openat2(root, path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise PathUnusable(f"lstat {path}: {os.strerror(error.errno or 0).lower()}") from error


def _resolved(root: int, path: str, *, scoped: bool = False) -> str:
    """Return a path without the links in it. scoped: "as far as it exists", in the words of a look at a link."""
    left, done, links = [part for part in posixpath.normpath("/" + path).split("/") if part], "", 0
    while left:
        part = left.pop(0)
        if part == "..":
            done = done.rpartition("/")[0]
            continue
        here = f"{done}/{part}"
        try:
            if "\0" in here:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), here)
            fd = syscalls.openat2(root, here, _PIECES)
        except OSError as error:
            if scoped and error.errno == errno.ENOENT:
                done = here
                continue
            if error.errno == errno.ENOTDIR and not scoped:
                raise PathUnusable("not a directory") from error
            if error.errno == errno.ENOENT:
                raise
            raise PathUnusable(f"lstat {here}: {os.strerror(error.errno or 0).lower()}") from error
        try:
            target = os.readlink("", dir_fd=fd) if stat.S_ISLNK(os.fstat(fd).st_mode) else None
        finally:
            os.close(fd)
        if target is None:
            done = here
            continue
        links += 1
        if links > _MAXIMUM_LINKS:
            words = f"evalSymlinksInScope: too many links in {path}" if scoped else "EvalSymlinks: too many links"
            raise PathUnusable(words)
        done = "" if target.startswith("/") else done
        left = [each for each in target.split("/") if each not in ("", ".")] + left
    return done or "/"


def _owner(view: View, user: str) -> tuple[int, int]:
    from engine.runtime import users

    passwd, group = users.read_inside(view.root, users.PASSWD), users.read_inside(view.root, users.GROUP)
    try:
        found = users.find(user, (), passwd, group)
    except users.UnknownUser as error:
        raise NotExtractable(
            f'failed to look up user "{error.user}" in container: no matching entries in passwd file'
        ) from error
    except users.UnknownGroup as error:
        raise NotExtractable(
            f'failed to look up group "{error.group}" in container: no matching entries in group file'
        ) from error
    return found.uid, found.gid


class _naming:
    """Turns what was not found into NoSuchPath; a client's own name for the container is repeated."""

    def __init__(self, path: str, container: str) -> None:
        self._path = path
        self._container = container

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise NoSuchPath(self._path, self._container) from error
