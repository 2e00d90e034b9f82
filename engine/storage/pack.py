"""Making a tar archive of a part of a folder tree that may change meanwhile, as dockerd does it.

Names are opened below the open folder with openat2 and no link is followed, so that whatever is swapped under it, the
archive holds nothing from outside. What vanishes or cannot be read is left out; of sockets there is none. Needs root.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator

from engine import syscalls
from engine.storage import tarformat, tarwriter
from engine.storage.extract import OPAQUE, OPAQUE_XATTR, WHITEOUT
from engine.storage.tarformat import Entry

_CAPABILITY = "security.capability"
_CAPABILITY_SIZE = 20
_READ = 256 * 1024
_GATHERED = 256 * 1024
_RESOLVE = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS
_FLAGS = os.O_PATH | os.O_NOFOLLOW

log = logging.getLogger(__name__)
Leave = Callable[[str, os.stat_result], bool]


class _Changed(Exception):
    """A file became shorter while it was read: what follows cannot be read by anybody."""


def pack(top: int, start: str, name: str) -> Iterator[bytes]:
    """Give the archive of what lies at start below the open folder top, in pieces; in it, start is called name."""
    return _Packing(top, whiteouts=False, leave=None).run(start, name)


def pack_layer(top: int, leave: Leave | None = None) -> Iterator[bytes]:
    """Give the archive of a writable layer's content, overlayfs's whiteouts as .wh. names.

    leave tells, by path and stat, what is to be left out with all below it.
    """
    return _Packing(top, whiteouts=True, leave=leave).run("", "")


class _Packing:
    def __init__(self, top: int, *, whiteouts: bool, leave: Leave | None) -> None:
        self._top = top
        self._whiteouts = whiteouts
        self._leave = leave
        self._links: dict[tuple[int, int], str] = {}

    def run(self, start: str, name: str) -> Iterator[bytes]:
        """Go through the tree in dockerd's order: a folder before what is in it, names sorted."""
        gathered = bytearray()
        try:
            for piece in self._tree(start, name):
                if len(piece) < _GATHERED:
                    gathered += piece
                    if len(gathered) < _GATHERED:
                        continue
                    piece = b""
                if gathered:
                    yield bytes(gathered)
                    gathered.clear()
                if piece:
                    yield piece
            gathered += tarwriter.END
        except _Changed as error:
            log.warning("Archive cut off: %s became shorter while it was read", error)
        if gathered:
            yield bytes(gathered)

    def _tree(self, start: str, name: str) -> Iterator[bytes]:
        waiting: list[Iterator[tuple[str, str]]] = [iter([(start, name)])]
        while waiting:
            following = next(waiting[-1], None)
            if following is None:
                waiting.pop()
                continue
            path, named = following
            try:
                fd = syscalls.openat2(self._top, path or ".", _FLAGS, resolve=_RESOLVE)
            except OSError as error:
                log.info("Archive without %r: %s", path, error)
                continue
            try:
                found = os.fstat(fd)
                if path and self._leave is not None and self._leave(path, found):
                    continue
                if path or not self._whiteouts:
                    yield from self._member(fd, path, named, found)
                if stat.S_ISDIR(found.st_mode):
                    waiting.append(self._inside(fd, path, named))
            finally:
                os.close(fd)

    def _inside(self, fd: int, path: str, name: str) -> Iterator[tuple[str, str]]:
        try:
            names = sorted(os.listdir(f"/proc/self/fd/{fd}"), key=os.fsencode)
        except OSError as error:
            log.info("Archive without the content of %r: %s", path, error)
            return iter(())
        below = f"{path}/" if path and path != "." else ""
        prefix = f"{name}/" if name or not self._whiteouts else ""
        return ((below + each, prefix + each) for each in names)

    def _member(self, fd: int, path: str, name: str, found: os.stat_result) -> Iterator[bytes]:
        kind = tarwriter.KINDS.get(stat.S_IFMT(found.st_mode))
        if kind is None:
            log.info("Archive without the socket %r", path)
            return
        entry = Entry(
            name=f"{name}/" if kind == tarformat.FOLDER and not name.endswith("/") else name,
            type=kind,
            mode=stat.S_IMODE(found.st_mode),
            uid=found.st_uid,
            gid=found.st_gid,
            size=0,
            mtime=found.st_mtime_ns,
        )
        if kind == tarformat.SYMBOLIC_LINK:
            entry.link = os.readlink("", dir_fd=fd)
        elif kind in (tarformat.CHARACTER_DEVICE, tarformat.BLOCK_DEVICE):
            entry.device = found.st_rdev
        elif kind == tarformat.REGULAR:
            entry.size = found.st_size
            entry.xattrs = capability(fd)
        if self._whiteouts and kind == tarformat.CHARACTER_DEVICE and found.st_rdev == 0:
            folder, slash, base = name.rpartition("/")
            entry.name, entry.type, entry.mode = f"{folder}{slash}{WHITEOUT}{base}", tarformat.REGULAR, 0o600
        elif kind != tarformat.FOLDER and found.st_nlink > 1:
            first = self._links.setdefault((found.st_dev, found.st_ino), name)
            if first != name:
                entry.type, entry.link, entry.size = tarformat.HARD_LINK, first, 0
        yield tarwriter.header(entry)
        if entry.size:
            yield from _content(fd, path, entry.size)
        if self._whiteouts and kind == tarformat.FOLDER and _opaque(fd):
            opaque = Entry(
                f"{entry.name}{OPAQUE}", tarformat.REGULAR, entry.mode & 0o777, found.st_uid, found.st_gid, 0, 0
            )
            yield tarwriter.header(opaque)


def _content(fd: int, path: str, size: int) -> Iterator[bytes]:
    """Give as many bytes as the header says; what is written meanwhile comes next time."""
    file = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        left = size
        while left:
            piece = os.read(file, min(_READ, left))
            if not piece:
                raise _Changed(path)
            left -= len(piece)
            yield piece
    finally:
        os.close(file)
    yield tarwriter.padding(size)


def capability(fd: int) -> dict[str, bytes]:
    """Return a program's file capabilities; those of a user namespace lose the id that means nothing elsewhere."""
    try:
        value = os.getxattr(f"/proc/self/fd/{fd}", _CAPABILITY)
    except OSError:
        return {}
    if len(value) > 3 and value[3] == 3:
        value = (value[:3] + b"\x02" + value[4:])[:_CAPABILITY_SIZE]
    return {_CAPABILITY: value}


def _opaque(fd: int) -> bool:
    try:
        return os.getxattr(f"/proc/self/fd/{fd}", OPAQUE_XATTR) == b"y"
    except OSError:
        return False
