"""Putting files into a layer: what COPY and ADD do to the tree that they write to, by the classic builder's rules.

A folder's content is merged into the folder that is there; what is in the way of a file goes. Owners are those of the
instruction, or kept; times are kept. The destination may be hostile: all is opened below its root.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress

from engine import syscalls
from engine.build.linking import Names
from engine.lean_dataclasses import dataclass, field
from engine.storage.extract import clean_path
from engine.storage.folders import remove_tree_at

Owner = tuple[int, int]
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 16 << 20
_MAXIMUM_LINKS = 40
_CAPABILITY = "security.capability"


@dataclass(slots=True)
class Copier:
    """Copies into one tree; owner None keeps each file's, change_mode gives a new mode for an old one.

    skip tells, by its path below the copied folder, what is left out. links: files with
    several names in the source share them in the copy, too. names gathers, where it is given, what need not be copied
    (engine.build.linking); origin then is the path in the source of what is copied.
    """

    root: int
    owner: Owner | None = (0, 0)
    change_mode: Callable[[int, bool], int] | None = None
    skip: Callable[[str], bool] | None = None
    epoch: int | None = None
    links: bool = True
    names: list[Names] | None = None
    _links: dict[tuple[int, int], str] = field(default_factory=dict)

    def folder(self, source: int, path: str, origin: str = "") -> None:
        """Copy what is in an open folder into the one at a path, which is made where it is missing."""
        made = self.make_folders(path)
        target = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if made and self.change_mode is not None:
                os.fchmod(target, self.change_mode(0o755, True))
            self._content(source, target, "", Names(origin, path.strip("/"), keep_times=False))
        finally:
            os.close(target)
            self._links.clear()

    def file(self, source: int, path: str, origin: str = "") -> None:
        """Copy an open file, device or FIFO to a path."""
        above, _, name = path.rstrip("/").rpartition("/")
        self.make_folders(above)
        parent = self.open(above or "/", os.O_RDONLY | os.O_DIRECTORY)
        try:
            status = os.fstat(source)
            if self._can_be_linked(status):
                folder, _, base = origin.rpartition("/")
                self._link_later(parent, Names(folder, above.strip("/"), keep_times=False, names=[(base, name)]))
                return
            self._clear(parent, name, is_folder=False)
            self._one(source, "", status, parent, name, path)
        finally:
            os.close(parent)
            self._links.clear()

    def exists_as_folder(self, path: str) -> bool:
        """Whether there is a folder at a path."""
        try:
            os.close(self.open(path, os.O_PATH | os.O_DIRECTORY))
        except OSError:
            return False
        return True

    def open(self, path: str, flags: int) -> int:
        """Open a path below the root. Raises OSError."""
        return syscalls.openat2(self.root, path or "/", flags)

    def make_folders(self, path: str) -> bool:
        """Make a folder and those above it that are missing; returns whether it was made.

        Links are followed, also those that lead to what is not there yet. Raises OSError.
        """
        left, done, links, made = clean_path(path), "", 0, False
        while left:
            name = left.pop(0)
            here = f"{done}/{name}"
            try:
                os.close(self.open(here, os.O_PATH | os.O_DIRECTORY))
                done, made = here, False
                continue
            except FileNotFoundError:
                pass
            parent = self.open(done or "/", os.O_PATH | os.O_DIRECTORY)
            try:
                os.mkdir(name, dir_fd=parent)
                self._describe_folder(parent, name)
                made = True
            except FileExistsError:
                links += 1
                if links > _MAXIMUM_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from None
                try:
                    target = os.readlink(name, dir_fd=parent)
                except OSError:  # something else than a link
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), here) from None
                left = [each for each in target.split("/") if each not in ("", ".")] + left
                done = "" if target.startswith("/") else done
                continue
            finally:
                os.close(parent)
            done = here
        return made

    def resolved(self, path: str) -> str:
        """Return a path with its links followed, the last one too, as far as there is anything."""
        left, done, links = clean_path(path), "", 0
        while left:
            name = left.pop(0)
            here = f"{done}/{name}"
            if name == "..":
                done = done.rpartition("/")[0]
                continue
            try:
                fd = self.open(here, os.O_PATH | os.O_NOFOLLOW)
            except OSError as error:
                if error.errno == errno.ENOENT:
                    done = here
                    continue
                raise OSError(error.errno, os.strerror(error.errno or 0), path) from None
            try:
                if stat.S_ISLNK(os.fstat(fd).st_mode):
                    links += 1
                    if links > _MAXIMUM_LINKS:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                    target = os.readlink("", dir_fd=fd)
                    left = [each for each in target.split("/") if each not in ("", ".")] + left
                    done = "" if target.startswith("/") else done
                    continue
            finally:
                os.close(fd)
            done = here
        return done or "/"

    def _describe_folder(self, parent: int, name: str) -> None:
        fd = os.open(name, _FOLDER, dir_fd=parent)
        try:
            os.fchmod(fd, 0o755)  # mkdir heeds the umask
            os.fchown(fd, *(self.owner or (0, 0)))
            if self.epoch is not None:
                os.utime(fd, (self.epoch, self.epoch))
        finally:
            os.close(fd)

    def _content(self, source: int, target: int, prefix: str, place: Names) -> None:
        with os.scandir(source) as found:
            names = sorted(each.name for each in found)
        for name in names:
            status = os.stat(name, dir_fd=source, follow_symlinks=False)
            path = f"{prefix}{name}"
            is_folder = stat.S_ISDIR(status.st_mode)
            if self.skip is not None and self.skip(path):
                continue
            if self._can_be_linked(status):
                place.names.append((name, name))
                continue
            self._clear(target, name, is_folder=is_folder)
            if is_folder:
                inner = Names(f"{place.source}/{name}", f"{place.target}/{name}", keep_times=True)
                self._folder(source, name, status, target, f"{path}/", inner)
            else:
                self._one(source, name, status, target, name, f"{place.target}/{name}")
        if place.names:
            self._link_later(target, place)

    def _folder(self, source: int, name: str, status: os.stat_result, target: int, prefix: str, place: Names) -> None:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=target)
        inner, made = os.open(name, _FOLDER, dir_fd=source), os.open(name, _FOLDER, dir_fd=target)
        try:
            self._content(inner, made, prefix, place)
            os.fchown(made, *(self.owner or (status.st_uid, status.st_gid)))
            os.fchmod(made, self._mode(status))
            os.utime(made, ns=self._times(status))
        finally:
            os.close(inner)
            os.close(made)

    def _can_be_linked(self, status: os.stat_result) -> bool:
        """Whether a file of the source is just what its copy would be."""
        return (
            self.names is not None
            and self.change_mode is None
            and stat.S_ISREG(status.st_mode)
            and status.st_nlink == 1  # neither another layer's nor one of several hard links
            and (status.st_uid, status.st_gid) == self.owner
            and status.st_mtime_ns == self._times(status)[0]
        )

    def _link_later(self, target: int, place: Names) -> None:
        """Have files linked into an open folder, which the layer has then, whatever it was in before."""
        assert self.names is not None
        status = os.fstat(target)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.names.append(place)

    def _one(self, source: int, name: str, status: os.stat_result, target: int, made: str, path: str) -> None:
        """Copy something that is no folder to a path in the open folder target; with name "" source is open on it."""
        uid, gid = self.owner or (status.st_uid, status.st_gid)
        identity = (status.st_dev, status.st_ino)
        shared = bool(name) and self.links and status.st_nlink > 1
        if shared and self._linked(identity, target, made):
            return
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFREG:
            self._file(source, name, status, target, made)
        elif kind == stat.S_IFLNK:
            os.symlink(os.readlink(name, dir_fd=source), made, dir_fd=target)
            os.chown(made, uid, gid, dir_fd=target, follow_symlinks=False)
            os.utime(made, ns=self._times(status), dir_fd=target, follow_symlinks=False)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO):
            os.mknod(made, kind | 0o600, status.st_rdev, dir_fd=target)
            os.chown(made, uid, gid, dir_fd=target, follow_symlinks=False)
            os.chmod(made, self._mode(status), dir_fd=target)
            os.utime(made, ns=self._times(status), dir_fd=target, follow_symlinks=False)
        if shared and kind != stat.S_IFSOCK:
            self._links[identity] = path

    def _linked(self, identity: tuple[int, int], target: int, made: str) -> bool:
        known = self._links.get(identity)
        if known is None:
            return False
        folder, _, name = known.rpartition("/")
        parent = self.open(folder or "/", os.O_PATH | os.O_DIRECTORY)
        try:
            os.link(name, made, src_dir_fd=parent, dst_dir_fd=target, follow_symlinks=False)
        finally:
            os.close(parent)
        return True

    def _file(self, source: int, name: str, status: os.stat_result, target: int, made: str) -> None:
        if name:
            reading = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
        else:
            reading = os.open(f"/proc/self/fd/{source}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            writing = os.open(made, _NEW, 0o600, dir_fd=target)
            try:
                pour(reading, writing)
                os.fchown(writing, *(self.owner or (status.st_uid, status.st_gid)))
                if name and self.owner is None:
                    with suppress(OSError):
                        os.setxattr(writing, _CAPABILITY, os.getxattr(reading, _CAPABILITY))
                os.fchmod(writing, self._mode(status))
                os.utime(writing, ns=self._times(status))
            finally:
                os.close(writing)
        finally:
            os.close(reading)

    def _mode(self, status: os.stat_result) -> int:
        mode = stat.S_IMODE(status.st_mode)
        return mode if self.change_mode is None else self.change_mode(mode, stat.S_ISDIR(status.st_mode))

    def _times(self, status: os.stat_result) -> tuple[int, int]:
        mtime = status.st_mtime_ns // 10**9 * 10**9
        if self.epoch is not None:
            mtime = min(mtime, self.epoch * 10**9)
        return mtime, mtime

    def _clear(self, parent: int, name: str, *, is_folder: bool) -> None:
        try:
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not (is_folder and stat.S_ISDIR(found.st_mode)):
            remove_tree_at(name, parent)


def pour(reading: int, writing: int) -> None:
    """Copy a file's content, in the kernel where it can."""
    try:
        while os.copy_file_range(reading, writing, _PIECE):
            pass
        return
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF):
            raise
    while os.sendfile(writing, reading, None, _PIECE):
        pass
