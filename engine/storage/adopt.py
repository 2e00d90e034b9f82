"""Making a layer of a folder as it lies, without copying a byte of it: the archive is hashed, not written.

For what a build step wrote into a layer of its own. The archive is the one that engine.storage.pack gives for the same
folder, and the folder is made what that archive says: times lose their fractions, sockets and the kernel's notes about
overlays go, and so does what the caller leaves out. Nobody may write to the folder meanwhile. Needs root.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from engine.storage import tarformat, tarwriter
from engine.storage.crc64 import Crc64
from engine.storage.extract import OPAQUE, OPAQUE_XATTR, WHITEOUT, bounded
from engine.storage.folders import remove_tree_at
from engine.storage.layers import StagedLayer
from engine.storage.pack import Leave, capability
from engine.storage.tarformat import Entry
from engine.storage.tarsplit import TarSplitWriter

_READ = 1 << 20
_NOTES = "trusted.overlay."


def adopt(diff: Path, split: Path, leave: Leave | None = None, epoch: int | None = None) -> StagedLayer:
    """Make a layer of the folder diff; what is needed to make its archive again goes to the new file split.

    leave tells, by path and stat, what is removed with all below it. No file keeps a time after epoch, in seconds since
    1970. Raises OSError.
    """
    with open(split, "xb") as file:
        os.fchmod(file.fileno(), 0o600)
        return _Adoption(diff, split, file, leave, epoch).run()


class _Adoption:
    def __init__(self, diff: Path, split: Path, file: IO[bytes], leave: Leave | None, epoch: int | None) -> None:
        self._diff = diff
        self._split = split
        self._log = TarSplitWriter(file)
        self._leave = leave
        self._limit = None if epoch is None else epoch * tarwriter.SECOND
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._content_size = 0
        self._uids: set[int] = set()
        self._gids: set[int] = set()
        self._links: dict[tuple[int, int], str] = {}

    def run(self) -> StagedLayer:
        """Go through the folder in the archive's order."""
        top = os.open(self._diff, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._clean(top, ".")
            self._folder(top, "")
        finally:
            os.close(top)
        self._raw(tarwriter.END)
        self._log.close()
        digest = "sha256:" + self._sha256.hexdigest()
        return StagedLayer(
            diff=self._diff,
            split=self._split,
            diff_id=digest,
            archive_size=self._size,
            content_size=self._content_size,
            uids=sorted(self._uids),
            gids=sorted(self._gids),
            compressed_digest=digest,
            compressed_size=self._size,
            packing=0,
        )

    def _folder(self, fd: int, prefix: str) -> None:
        for name in sorted(os.listdir(fd), key=os.fsencode):
            found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            path = prefix + name
            if stat.S_ISSOCK(found.st_mode) or (self._leave is not None and self._leave(path, found)):
                remove_tree_at(name, fd)
                continue
            self._member(fd, name, path, found)

    def _member(self, parent: int, name: str, path: str, found: os.stat_result) -> None:
        kind = tarwriter.KINDS[stat.S_IFMT(found.st_mode)]
        entry = Entry(path, kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, 0, self._time(found))
        if kind == tarformat.CHARACTER_DEVICE and found.st_rdev == 0:
            entry.name, entry.type, entry.mode = f"{path.removesuffix(name)}{WHITEOUT}{name}", tarformat.REGULAR, 0o600
            self._raw(tarwriter.header(entry))
            self._log.file(entry.name, 0, None)
            return
        self._uids.add(found.st_uid)
        self._gids.add(found.st_gid)
        if kind == tarformat.FOLDER:
            self._below(parent, name, entry)
            return
        if found.st_nlink > 1:
            first = self._links.setdefault((found.st_dev, found.st_ino), path)
            if first != path:
                entry.type, entry.link = tarformat.HARD_LINK, first
        if entry.type == tarformat.SYMBOLIC_LINK:
            entry.link = os.readlink(name, dir_fd=parent)
            self._content_size += found.st_size
        elif entry.type in (tarformat.CHARACTER_DEVICE, tarformat.BLOCK_DEVICE):
            entry.device = found.st_rdev
        if entry.type == tarformat.REGULAR:
            self._file(parent, name, entry)
        else:
            self._clean(parent, name)
            self._raw(tarwriter.header(entry))
            self._log.file(entry.name, 0, None)
        self._keep_time(parent, name, found, entry.mtime)

    def _below(self, parent: int, name: str, entry: Entry) -> None:
        entry.name += "/"
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            opaque = _is_opaque(fd)
            self._clean(parent, name)
            self._raw(tarwriter.header(entry))
            self._log.file(entry.name, 0, None)
            if opaque:
                mark = Entry(f"{entry.name}{OPAQUE}", tarformat.REGULAR, entry.mode & 0o777, entry.uid, entry.gid, 0, 0)
                self._raw(tarwriter.header(mark))
                self._log.file(mark.name, 0, None)
            self._folder(fd, entry.name)
            os.utime(fd, ns=(entry.mtime, entry.mtime))
        finally:
            os.close(fd)

    def _file(self, parent: int, name: str, entry: Entry) -> None:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            entry.size = os.fstat(fd).st_size
            if attributes := os.listxattr(fd):
                _drop_notes(fd, attributes)
                entry.xattrs = capability(fd)
            self._raw(tarwriter.header(entry))
            crc = Crc64()
            for piece in _pieces(fd, entry.size, name):
                crc.update(piece)
                self._sha256.update(piece)
            self._size += entry.size
            self._content_size += entry.size
            self._log.file(entry.name, entry.size, crc.digest() if entry.size else None)
            if entry.size:
                self._raw(tarwriter.padding(entry.size))
        finally:
            os.close(fd)

    def _raw(self, data: bytes) -> None:
        if data:
            self._sha256.update(data)
            self._size += len(data)
            self._log.raw(data)

    def _time(self, found: os.stat_result) -> int:
        whole = bounded(found.st_mtime_ns // tarwriter.SECOND * tarwriter.SECOND)
        return whole if self._limit is None else min(whole, self._limit)

    def _keep_time(self, parent: int, name: str, found: os.stat_result, mtime: int) -> None:
        if found.st_mtime_ns != mtime:
            os.utime(name, ns=(mtime, mtime), dir_fd=parent, follow_symlinks=False)

    def _clean(self, parent: int, name: str) -> None:
        """Take the kernel's notes about the overlay from a file; only what hides a lower folder stays."""
        path = f"/proc/self/fd/{parent}/{name}"
        try:
            attributes = os.listxattr(path, follow_symlinks=False)
        except OSError:
            return
        _drop_notes(path, attributes)


def _drop_notes(file: int | str, attributes: list[str]) -> None:
    for attribute in attributes:
        if attribute.startswith(_NOTES) and attribute != OPAQUE_XATTR:
            if isinstance(file, int):
                os.removexattr(file, attribute)
            else:
                os.removexattr(file, attribute, follow_symlinks=False)


def _pieces(fd: int, size: int, name: str) -> Iterator[bytes]:
    left = size
    while left:
        piece = os.read(fd, min(_READ, left))
        if not piece:
            raise OSError(0, "the file became shorter while it was read", name)
        left -= len(piece)
        yield piece


def _is_opaque(fd: int) -> bool:
    try:
        return os.getxattr(fd, OPAQUE_XATTR) == b"y"
    except OSError:
        return False
