"""A container's shared memory that other containers may join: a tmpfs on the host, bind-mounted as /dev/shm.

Only IpcMode shareable needs one; the others have a tmpfs of the spec's, the host's, or their donor's. It lies at
Settings.run_containers/<id>/shm from start to end.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from engine import syscalls
from engine.errors import InvalidParameter

FLAGS = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC


class IpcNotShareable(InvalidParameter):
    """The container whose IPC namespace is to be joined keeps it for itself."""

    def __init__(self, container: str) -> None:
        super().__init__(
            f"container {container}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
        )
        self.container = container


def make(folder: Path, size: int) -> None:
    """Mount a tmpfs of at most size bytes at folder. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.path.ismount(folder):
        syscalls.mount("shm", folder, "tmpfs", FLAGS, f"mode=1777,size={size}")


def remove(folder: Path) -> None:
    """Undo make, however far it got."""
    with suppress(FileNotFoundError):
        if os.path.ismount(folder):
            syscalls.umount2(folder, syscalls.MNT_DETACH)
        folder.rmdir()
