"""The lock files of containers/storage: who may read or write a set of records, and who wrote last.

Format: an empty file, or 64 bytes that change with every write to what the lock guards (time in nanoseconds and a
counter as little-endian u64, the process id as u32, the rest random). The lock is an fcntl record lock over the
whole file, as podman, buildah and CRI-O take it. We take the kernel's open-file-description kind, which excludes
theirs and other threads of this process alike, and which no unrelated close gives up.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.hurry import WouldWait, is_hurried

TOKEN_SIZE = 64
_WRITE = struct.pack("@hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
_READ = struct.pack("@hhqqi0q", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
_counter = itertools.count(1)


class Held:
    """A lock that is held: its last writer can be read, and with a write lock replaced."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def last_write(self) -> bytes:
        """Return the token of the last write; empty when there was none yet."""
        return os.pread(self._fd, TOKEN_SIZE, 0)  # nothing, where /dev/null stands in

    def record_write(self) -> bytes:
        """Make the caller the last writer; to be called before the guarded files change."""
        token = struct.pack("<QQI", time.time_ns(), next(_counter), os.getpid()) + os.urandom(TOKEN_SIZE - 20)
        os.pwrite(self._fd, token, 0)
        return token


class LockFile:
    """One lock file, made on first use together with its folder, unless its store is read-only."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._name = os.fspath(path)
        self._read_only = read_only

    @contextmanager
    def held(self, *, shared: bool = False) -> Iterator[Held]:
        """Hold the lock while the block runs; blocks until the others have let go."""
        if self._read_only:
            with self._held_to_read() as held:
                yield held
            return
        fd = self._open()
        try:
            _lock(fd, _READ if shared else _WRITE)
            yield Held(fd)
        finally:
            os.close(fd)

    @contextmanager
    def _held_to_read(self) -> Iterator[Held]:
        """Hold the lock of a store that others may write; where there is no lock file nobody does."""
        try:
            fd = os.open(self._name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            fd = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _lock(fd, _READ)
            yield Held(fd)
        finally:
            os.close(fd)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(self._name, flags, 0o644)
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(self._name, flags, 0o644)


def _lock(fd: int, kind: bytes) -> None:
    """Take a lock, waiting for it but in a hurry."""
    if not is_hurried():
        fcntl.fcntl(fd, fcntl.F_OFD_SETLKW, kind)
        return
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, kind)
    except (BlockingIOError, PermissionError):
        raise WouldWait from None


def try_write_lock(fd: int) -> bool:
    """Take the write lock on an open file unless somebody has it; it lasts until the descriptor is closed."""
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _WRITE)
    except (BlockingIOError, PermissionError):
        return False
    return True
