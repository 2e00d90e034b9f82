"""Putting a layer's archive into a folder, as dockerd does it, without ever leaving that folder.

Every path is opened below the folder with openat2(RESOLVE_IN_ROOT), so "..", absolute names and symbolic links,
be they in the archive or swapped in meanwhile, end inside it. Whiteouts of the archive (.wh.name, .wh..wh..opq)
become overlayfs's own (character device 0:0, trusted.overlay.opaque). Needs root.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import posixpath
import stat
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from engine import syscalls
from engine.errors import BadArchive, EngineError
from engine.lean_dataclasses import dataclass
from engine.storage import tarformat
from engine.storage.crc64 import Crc64
from engine.storage.folders import remove_tree_at
from engine.storage.source import PIECE, Readable, Source
from engine.storage.tarformat import Entry, TarReader
from engine.storage.tarsplit import TarSplitWriter

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
OPAQUE_XATTR = "trusted.overlay.opaque"
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PLACE_FLAGS = os.O_PATH | os.O_DIRECTORY
_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_KEPT_FOLDERS = 64  # some archives go through many folders in turn
_IMPLIED_MODE = 0o755  # of folders that an archive leaves out
_MAXIMUM_LINKS = 40


class LayerUnwritable(EngineError):
    """The file system refuses a member of a layer's archive; reason is in dockerd's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Extracted:
    """What came out of an archive."""

    content_size: int  # as dockerd counts a layer's size
    uids: list[int]
    gids: list[int]


def extract(stream: Readable, folder: Path, split: IO[bytes]) -> Extracted:
    """Put the archive in stream into folder, and what is needed to make it again into split.

    Raises BadArchive for what is no whole tar archive, LayerUnwritable for what the file system refuses, and whatever
    reading the stream raises.
    """
    log = TarSplitWriter(split)
    reader = TarReader(Source(stream), log.raw)
    with Tree(folder) as tree:
        try:
            for entry in reader:
                try:
                    _take(tree, entry, reader, log)
                except OSError as error:
                    if not error.errno or isinstance(error, (ConnectionError, TimeoutError)):
                        raise  # reading, not writing, failed
                    raise LayerUnwritable(_words(entry, error)) from error
        except (OverflowError, ValueError):  # a number no file has, a NUL in a name
            raise BadArchive(tarformat.INVALID) from None
        tree.finish()
    log.close()
    return Extracted(tree.content_size, sorted(tree.uids), sorted(tree.gids))


def _words(entry: Entry, error: OSError) -> str:
    """Return what dockerd says of a member that cannot be written."""
    cause = os.strerror(error.errno or 0).lower()
    folder, slash, base = entry.name.rpartition("/")
    if base.startswith(WHITEOUT):
        return f"failed to mknod('{folder}{slash}{base.removeprefix(WHITEOUT)}', S_IFCHR, 0): {cause}"
    if entry.type == tarformat.HARD_LINK:
        return f"linkat {entry.link} {entry.name}: {cause}"
    call = {tarformat.FOLDER: "mkdirat", tarformat.SYMBOLIC_LINK: "symlinkat", tarformat.REGULAR: "openat"}
    verb = "write" if error.errno in (errno.ENOSPC, errno.EDQUOT) else call.get(entry.type, "mknodat")
    return f"{verb} {entry.name}: {cause}"


def _take(tree: Tree, entry: Entry, reader: TarReader, log: TarSplitWriter) -> None:
    """Extract one entry; its content goes to the tree and its checksum to the log."""
    if not entry.stored and entry.holes is None:
        tree.add(entry, iter(()))
        log.file(entry.name, 0, None)
        return
    crc = Crc64()

    def content() -> Iterator[memoryview]:
        while piece := reader.content(PIECE):
            if entry.holes is None:
                crc.update(piece)
            else:
                log.raw(bytes(piece))  # the file on disk is not what the archive holds
            yield piece

    if entry.holes is not None:
        log.file(entry.name, 0, None)
    tree.add(entry, content())
    if entry.holes is None:
        for _ in content():
            pass
        log.file(entry.name, entry.stored, crc.digest() if entry.stored else None)


def clean_path(name: str) -> list[str]:
    """Return the parts of a name inside the root: without ".", "..", and what would lead above the root."""
    if "." not in name and "//" not in name:
        inner = name.strip("/")
        return inner.split("/") if inner else []
    return [part for part in posixpath.normpath("/" + name).split("/") if part]


def leads_out(name: str) -> bool:
    """Whether a member's name leads out of the folder that it is relative to. Pure."""
    return ".." in name and not name.startswith("/") and posixpath.normpath(name).split("/")[0] == ".."


class Tree:
    """The folder that is being filled; engine.storage.unpack fills one by other rules."""

    def __init__(self, root: Path | str) -> None:
        self.root = os.open(root, _FOLDER_FLAGS)
        self.content_size = 0
        self.uids: set[int] = set()
        self.gids: set[int] = set()
        self._open: OrderedDict[str, int] = OrderedDict()
        self._times: dict[str, int] = {}  # of folders: set when nothing is added to them any more

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()
        os.close(self.root)

    def add(self, entry: Entry, content: Iterator[memoryview]) -> None:
        """Make one entry, and the folders above it that are missing."""
        if leads_out(entry.name):
            raise BadArchive(f"invalid entry name {json.dumps(entry.name)}")
        parts = clean_path(entry.name)
        if not (parts and parts[-1].startswith(WHITEOUT)):
            self.uids.add(entry.uid)
            self.gids.add(entry.gid)
        if not parts:
            return  # the root itself: it belongs to the store
        name, folder = parts.pop(), "/".join(parts)
        if name.startswith(WHITEOUT):
            self._whiteout(folder, name, entry)
            return
        self.place(folder, name, entry, content)

    def place(self, folder: str, name: str, entry: Entry, content: Iterator[memoryview]) -> None:
        """Put an entry under a name of a folder, in the place of what is there."""
        if entry.type == tarformat.REGULAR or entry.type == tarformat.SYMBOLIC_LINK:
            try:
                self._make(self._parent(folder), name, entry, content)
            except FileExistsError:
                pass  # which looking before would have found, at the cost of a system call for every file
            else:
                return
        self.clear(self._parent(folder), name, entry)
        self._make(self._parent(folder), name, entry, content)
        if entry.type == tarformat.FOLDER:
            self._times[f"{folder}/{name}"] = bounded(entry.mtime)

    def finish(self) -> None:
        """Give the folders their times."""
        self.forget()
        for path, mtime in self._times.items():
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                fd = syscalls.openat2(self.root, path, _FOLDER_FLAGS | os.O_NOFOLLOW)
                try:
                    os.utime(fd, ns=(mtime, mtime))
                finally:
                    os.close(fd)

    def _make(self, parent: int, name: str, entry: Entry, content: Iterator[memoryview]) -> None:
        mtime = bounded(entry.mtime)
        match entry.type:
            case tarformat.REGULAR:
                self._file(parent, name, entry, content)
                return
            case tarformat.HARD_LINK:
                self.hard_link(parent, name, entry)
                return
            case tarformat.SYMBOLIC_LINK:
                os.symlink(entry.link, name, dir_fd=parent)
                self.content_size += len(os.fsencode(entry.link))
                os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
                os.utime(name, ns=(mtime, mtime), dir_fd=parent, follow_symlinks=False)
                _set_xattrs(parent, name, entry)
                return
            case tarformat.FOLDER:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=parent)
            case tarformat.FIFO:
                os.mkfifo(name, 0o600, dir_fd=parent)
            case tarformat.CHARACTER_DEVICE:
                os.mknod(name, 0o600 | stat.S_IFCHR, entry.device, dir_fd=parent)
            case tarformat.BLOCK_DEVICE:
                os.mknod(name, 0o600 | stat.S_IFBLK, entry.device, dir_fd=parent)
            case unknown:
                raise BadArchive(f"unhandled tar header type {ord(unknown)}")
        os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        _set_xattrs(parent, name, entry)
        os.chmod(name, entry.mode, dir_fd=parent)
        if entry.type != tarformat.FOLDER:
            os.utime(name, ns=(mtime, mtime), dir_fd=parent, follow_symlinks=False)

    def _file(self, parent: int, name: str, entry: Entry, content: Iterator[memoryview]) -> None:
        mtime = bounded(entry.mtime)
        fd = os.open(name, _FILE_FLAGS, entry.mode & 0o777, dir_fd=parent)
        try:
            if entry.holes is None:
                for piece in content:
                    _write(fd, piece)
            else:
                _write_parts(fd, entry, content)
            os.fchown(fd, entry.uid, entry.gid)
            for key, value in entry.xattrs.items():
                _set_xattr(fd, key, value)
            os.fchmod(fd, entry.mode)
            os.utime(fd, ns=(mtime, mtime))
        finally:
            os.close(fd)
        self.content_size += entry.size

    def hard_link(self, parent: int, name: str, entry: Entry) -> None:
        """Make a hard link; it leads to a name in the folder, whatever the archive says."""
        if leads_out(entry.link):
            raise BadArchive(f"invalid hardlink target {json.dumps(entry.link)}")
        target = clean_path(entry.link)
        if not target:
            raise OSError(errno.EPERM, "cannot link a folder", entry.name)
        folder = syscalls.openat2(self.root, "/".join(target[:-1]) or ".", _FOLDER_FLAGS)
        try:
            os.link(target[-1], name, src_dir_fd=folder, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(folder)
        self._describe(parent, name, entry)

    def _describe(self, parent: int, name: str, entry: Entry) -> None:
        """Give what a hard link leads to the link's own owner, mode and time, as dockerd does."""
        os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        _set_xattrs(parent, name, entry)
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            if not stat.S_ISLNK(os.fstat(fd).st_mode):
                os.chmod(f"/proc/self/fd/{fd}", entry.mode)
                mtime = bounded(entry.mtime)
                os.utime(f"/proc/self/fd/{fd}", ns=(mtime, mtime))
        finally:
            os.close(fd)

    def _whiteout(self, folder: str, name: str, entry: Entry) -> None:
        if name == OPAQUE:
            os.setxattr(self._parent(folder), OPAQUE_XATTR, b"y")
            return
        hidden = name[len(WHITEOUT) :]
        if hidden in ("", ".", ".."):
            raise BadArchive(f"invalid whiteout entry {json.dumps(entry.name)}")
        parent = self._parent(folder)
        os.mknod(hidden, stat.S_IFCHR, os.makedev(0, 0), dir_fd=parent)
        os.chown(hidden, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)

    def clear(self, parent: int, name: str, entry: Entry) -> None:
        """Remove what is in an entry's place, unless a folder meets a folder."""
        try:
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not (stat.S_ISDIR(found.st_mode) and entry.type == tarformat.FOLDER):
            self._remove(parent, name)

    def _remove(self, parent: int, name: str) -> None:
        try:
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return
        if (stat.S_ISREG(found.st_mode) and found.st_nlink == 1) or stat.S_ISLNK(found.st_mode):
            self.content_size -= found.st_size
        keep = os.dup(parent)
        try:
            if stat.S_ISDIR(found.st_mode):
                self.forget()  # one of the open folders may be inside
            remove_tree_at(name, keep)
        finally:
            os.close(keep)

    def _parent(self, path: str) -> int:
        """Return the open folder of a path, making what is missing of it."""
        if not path:
            return self.root
        fd = self._open.get(path)
        if fd is not None:
            self._open.move_to_end(path)
            return fd
        try:
            fd = syscalls.openat2(self.root, path, _FOLDER_FLAGS)
        except FileNotFoundError:
            fd = self.make_folders(path)
        self._open[path] = fd
        if len(self._open) > _KEPT_FOLDERS:
            os.close(self._open.popitem(last=False)[1])
        return fd

    def make_folders(self, path: str) -> int:
        """Make what is missing of a path and open it; a link that leads nowhere gets what it leads to."""
        left, done, links = path.split("/"), "", 0
        while left:
            name = left.pop(0)
            parent = syscalls.openat2(self.root, done or ".", _PLACE_FLAGS)
            try:
                done = f"{done}/{name}" if done else name
                try:
                    os.close(syscalls.openat2(self.root, done, _PLACE_FLAGS))
                    continue
                except FileNotFoundError:
                    pass
                try:
                    os.mkdir(name, dir_fd=parent)
                    os.chmod(f"/proc/self/fd/{parent}/{name}", _IMPLIED_MODE)  # mkdir heeds the umask
                except FileExistsError:
                    target, links = os.readlink(name, dir_fd=parent), links + 1
                    if links > _MAXIMUM_LINKS:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from None
                    above = "" if target.startswith("/") else done.rpartition("/")[0]
                    left = clean_path(posixpath.join(above, target)) + left
                    done = ""
            finally:
                os.close(parent)
        return syscalls.openat2(self.root, done or ".", _FOLDER_FLAGS)

    def forget(self) -> None:
        """Close the folders that are kept open."""
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()


def bounded(time: int) -> int:
    """Return a file time that every file system can keep: as dockerd, 1970 for one before it."""
    return time if 0 <= time < 1 << 63 else 0


def _write(fd: int, data: memoryview) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _write_parts(fd: int, entry: Entry, content: Iterator[memoryview]) -> None:
    """Write a sparse file: its parts where they belong, holes between them."""
    os.ftruncate(fd, entry.size)
    rest = memoryview(b"")
    for offset, length in entry.holes or []:
        os.lseek(fd, offset, os.SEEK_SET)
        while length:
            rest = rest or next(content)
            _write(fd, rest[:length])
            taken = min(length, len(rest))
            rest, length = rest[taken:], length - taken
    for _ in content:
        pass


def _set_xattrs(parent: int, name: str, entry: Entry) -> None:
    for key, value in entry.xattrs.items():
        _set_xattr(f"/proc/self/fd/{parent}/{name}", key, value)


def _set_xattr(target: int | str, key: str, value: bytes) -> None:
    """Set an extended attribute as far as the file system and we may; overlayfs's own are not the archive's to set."""
    if key.startswith("trusted.overlay."):
        return
    try:
        if isinstance(target, int):
            os.setxattr(target, key, value)
        else:
            os.setxattr(target, key, value, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.EPERM):
            raise
