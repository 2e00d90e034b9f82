"""Room on the disk for the state, kept for the time when there is none left.

Containers can be looked at, ended and removed on a full disk only while the database can be written: SQLite needs some
ten kilobytes even to read. So the file `state.reserve` beside the database holds some room, which is given back when
the disk is nearly full; who makes something new is refused then, so that the room is there for those who remove. Once
the disk has room again the file is made anew. Only engine.state.database and what makes containers call this.
"""

from __future__ import annotations

import errno
import os

RESERVE_BYTES = 2 << 20  # when room is low the log of writes does not grow, so that this is plenty
LOW_BYTES = 2 * RESERVE_BYTES  # free room below which the reserve is given back
AMPLE_BYTES = 4 * RESERVE_BYTES  # and above which it is made


class Reserve:
    """The reserve of one engine, in the folder of its database."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = os.fspath(folder)
        self._path = os.path.join(self._folder, "state.reserve")

    def is_low(self) -> bool:
        """Tell whether the disk is nearly full, and if so give the reserve back."""
        if self._has(LOW_BYTES):
            return False
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            pass
        return True

    def fill(self) -> None:
        """Make the reserve where it is missing and there is ample room."""
        if os.path.exists(self._path) or not self._has(AMPLE_BYTES):
            return
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, RESERVE_BYTES)
        except OSError:  # less room than there seemed to be, or a file system that promises none
            os.unlink(self._path)
        finally:
            os.close(fd)

    def refuse_if_low(self) -> None:
        """Raise OSError (ENOSPC) when the disk is nearly full: what is about to be made would take the last of it."""
        if self.is_low():
            raise self.no_space()

    def no_space(self) -> OSError:
        """Return the error that tells of a full disk."""
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._folder)

    def _has(self, size: int) -> bool:
        """Tell whether the disk has so much room for this process."""
        found = os.statvfs(self._folder)
        if found.f_bavail * found.f_frsize >= size:
            return True
        if found.f_bfree * found.f_frsize < size:
            return False
        # The rest is kept for root, but on ext4 for nobody: only trying tells.
        try:
            fd = os.open(self._folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            os.posix_fallocate(fd, 0, size)
        except OSError:
            return False
        finally:
            os.close(fd)
        return True
