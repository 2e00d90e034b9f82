"""Writing a file so that a crash leaves the old content or the new one, never a part; syncing in a thread."""

from __future__ import annotations

import _thread
import os
from pathlib import Path


def write_file(path: Path, data: bytes, *, mode: int = 0o600, sync: bool = True) -> None:
    """Replace the file at path by data in one step.

    The data goes to a temporary file beside it, which is renamed over it. With sync, file and folder are
    on disk when this returns; without, a power cut may bring the old content back, a killed process
    never. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on disk, so that a rename or a new file in it outlives a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Syncing:
    """A file that a thread brings to the disk while its maker goes on; wait has to be called once."""

    def __init__(self, path: str) -> None:
        self._failure: OSError | None = None
        self._done = _thread.allocate_lock()
        self._done.acquire()
        _thread.start_new_thread(self._sync, (path,))

    def wait(self) -> None:
        """Return when all that the file held is on the disk. Raises OSError when the disk has failed."""
        with self._done:
            if self._failure is not None:
                raise self._failure

    def _sync(self, path: str) -> None:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            self._failure = error
        finally:
            self._done.release()
