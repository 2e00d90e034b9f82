"""Filling a new volume with what the image has at the place where it is mounted.

Works on descriptors and follows no link of the container's, so nothing outside its root is read and nothing
outside the volume is written. Kept: owners, modes, times, extended attributes, hard links, symbolic links,
devices and pipes. The volume is filled in place, from a container that does not run yet.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from engine import syscalls
from engine.errors import EngineError, InvalidParameter

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 30


# What dockerd makes of each container as a file before it fills volumes.
MADE_FILES = frozenset(("/.dockerenv", "/dev/console", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"))


class VolumeOverFile(EngineError):
    """A volume is to be mounted where the image has a file."""

    def __init__(self, path: str) -> None:
        super().__init__(f"source {path} is not directory")
        self.path = path


class VolumeBelowFile(VolumeOverFile):
    """A volume is to be mounted below a file of the image."""

    def __str__(self) -> str:
        return f"lstat {self.path}: not a directory"


class ImageVolumeOverFile(VolumeOverFile):
    """One that the container's configuration names as its volume; dockerd has other words for those."""

    def __str__(self) -> str:
        return f"cannot mount volume over existing file, file exists {self.path}"


class PartUnfilled(InvalidParameter):
    """A part of a volume that leads out of it, or that cannot be looked up."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"failed to populate volume: {cause}")
        self.cause = cause


def copy_up(rootfs: Path, destination: str, volume: Path, subpath: str = "") -> bool:
    """Copy the folder destination of a mounted root into an empty volume, or an empty folder of one.

    Says whether there was anything to do. What has content stays as it is; nothing is done where the root or the
    volume has no such folder. Raises VolumeOverFile, PartUnfilled and OSError.
    """
    target = _opened(rootfs, destination, volume, subpath)
    if target is None:
        return False
    try:
        if os.listdir(target):
            return False
        source = _open_inside(rootfs, destination)
        if source is None:
            return False
        try:
            _Copy().folder(source, target)
        finally:
            os.close(source)
        return True
    finally:
        os.close(target)


def check_folders(root: int, shown: Path, destinations: Iterable[str]) -> None:
    """Look at the places of a configuration's volumes in a root that is open; messages call the root shown.

    Raises ImageVolumeOverFile or VolumeBelowFile for the first place where a file is.
    """
    for destination in destinations:
        try:
            fd = _folder_below(root, shown, os.path.normpath("/" + destination.lstrip("/")))
        except VolumeBelowFile:
            raise
        except VolumeOverFile as error:
            raise ImageVolumeOverFile(error.path) from error
        if fd is not None:
            os.close(fd)


def _opened(rootfs: Path, destination: str, volume: Path, subpath: str) -> int | None:
    """Open what is to be filled, None where it is no folder; a part of a volume only where something is to go."""
    if not subpath:
        return os.open(volume, _FOLDER)
    from engine.volumes.subpath import SubpathMissing, SubpathUnusable, open_part

    source = _open_inside(rootfs, destination)
    if source is None:
        return None
    os.close(source)
    try:
        part = open_part(str(volume), subpath)
    except SubpathMissing:
        return None  # the start will say so
    except SubpathUnusable as error:
        raise PartUnfilled(str(error)) from error
    try:
        return os.open(f"/proc/self/fd/{part}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except NotADirectoryError:
        return None
    finally:
        os.close(part)


def _open_inside(rootfs: Path, destination: str) -> int | None:
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _folder_below(root, rootfs, destination)
    finally:
        os.close(root)


def _folder_below(root: int, shown: Path, destination: str) -> int | None:
    """Open a folder below an open root, None where there is none; a file is VolumeOverFile."""
    if destination in MADE_FILES:
        raise VolumeOverFile(f"{shown}{destination}")
    try:
        return syscalls.openat2(root, destination, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        file = _resolved(root, destination)
        if file is None:
            raise VolumeBelowFile(f"{shown}{destination}") from error
        raise VolumeOverFile(f"{shown}{file}") from error


def _resolved(root: int, path: str) -> str | None:
    """Return the path in a root that another one leads to by its links, None where it leads through a file."""
    try:
        found = syscalls.openat2(root, path, os.O_PATH)
    except NotADirectoryError:
        return None
    try:
        top, inner = (os.readlink(f"/proc/self/fd/{fd}") for fd in (root, found))
    finally:
        os.close(found)
    return inner.removeprefix(top.rstrip("/"))


class _Copy:
    """One run: remembers where files with several names were copied to."""

    def __init__(self) -> None:
        self._linked: dict[tuple[int, int], tuple[int, str]] = {}
        self._kept_open: list[int] = []

    def folder(self, source: int, target: int) -> None:
        """Copy all of one open folder into another, then its own owner, mode and times."""
        try:
            self._entries(source, target)
        finally:
            for fd in self._kept_open:
                os.close(fd)

    def _entries(self, source: int, target: int) -> None:
        for entry in sorted(os.listdir(source)):
            found = os.stat(entry, dir_fd=source, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                os.mkdir(entry, 0o700, dir_fd=target)
                below_source, below_target = (
                    os.open(entry, _FOLDER, dir_fd=source),
                    os.open(entry, _FOLDER, dir_fd=target),
                )
                try:
                    self._entries(below_source, below_target)
                finally:
                    os.close(below_source)
                    os.close(below_target)
            else:
                self._entry(entry, found, source, target)
        _copy_metadata(os.fstat(source), source, target)

    def _entry(self, name: str, found: os.stat_result, source: int, target: int) -> None:
        if found.st_nlink > 1:
            key = (found.st_dev, found.st_ino)
            if first := self._linked.get(key):
                os.link(first[1], name, src_dir_fd=first[0], dst_dir_fd=target, follow_symlinks=False)
                return
            kept = os.dup(target)
            self._kept_open.append(kept)
            self._linked[key] = (kept, name)
        kind = stat.S_IFMT(found.st_mode)
        if kind == stat.S_IFREG:
            _copy_file(name, found, source, target)
        elif kind == stat.S_IFLNK:
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
            os.chown(name, found.st_uid, found.st_gid, dir_fd=target, follow_symlinks=False)
            os.utime(name, ns=(found.st_atime_ns, found.st_mtime_ns), dir_fd=target, follow_symlinks=False)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO):
            os.mknod(name, found.st_mode, found.st_rdev, dir_fd=target)
            os.chown(name, found.st_uid, found.st_gid, dir_fd=target, follow_symlinks=False)
            os.chmod(name, stat.S_IMODE(found.st_mode), dir_fd=target)
            os.utime(name, ns=(found.st_atime_ns, found.st_mtime_ns), dir_fd=target, follow_symlinks=False)


def _copy_file(name: str, found: os.stat_result, source: int, target: int) -> None:
    reader = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
    try:
        writer = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=target)
        try:
            _copy_bytes(reader, writer)
            _copy_metadata(found, reader, writer)
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def _copy_bytes(reader: int, writer: int) -> None:
    """Copy in the kernel: by copy_file_range, which may share blocks, else by sendfile."""
    try:
        while os.copy_file_range(reader, writer, _CHUNK):
            pass
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        while os.sendfile(writer, reader, None, _CHUNK):
            pass


def _copy_metadata(found: os.stat_result, source: int, target: int) -> None:
    """Copy owner, mode, extended attributes and times, in an order in which none undoes another.

    chown takes setuid bits and file capabilities away. Attributes that the volume's file system does not take are
    passed over.
    """
    os.fchown(target, found.st_uid, found.st_gid)
    os.fchmod(target, stat.S_IMODE(found.st_mode))
    for name in os.listxattr(source):
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
