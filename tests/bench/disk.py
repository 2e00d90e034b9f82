"""A file system of the bench's own, so that figures of many files do not depend on what the machine's was used for.

ext4 without a journal, which some machines have, hands out inodes up to ten times as slowly for minutes after others
were freed, whoever asks; one with a journal does not.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def journaled(gigabytes: int, *, folder: Path = Path("/var/tmp")) -> Iterator[Path]:
    """Mount a new ext4 of that size, which lies in a file below folder, on a loop device; gives where. Needs root."""
    with tempfile.TemporaryDirectory(prefix="bench-disk-", dir=folder) as home:
        image, mounted = Path(home, "image"), Path(home, "disk")
        mounted.mkdir()
        with image.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, gigabytes << 30)
        _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
        # Direct, else every page would be in memory twice.
        device = _run("losetup", "--direct-io=on", "--find", "--show", image).strip()
        try:
            _run("mount", "-o", "noatime", device, mounted)
            try:
                yield mounted
            finally:
                _run("umount", mounted)
        finally:
            _run("losetup", "--detach", device)


def settle(folder: Path) -> None:
    """Wait until the disk has all of folder's file system, so that nobody pays for what another one wrote."""
    _run("sync", "--file-system", folder)


def _run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
