"""What crun leaves otherwise than runc in a process that it has made, set right before or right after that runs.

Works on /proc of a process that may have ended meanwhile, and may be hostile: nothing is raised, no link followed.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Any

from engine import syscalls

_NULL = os.makedev(1, 3)


def return_null(pid: int, user: dict[str, Any]) -> None:
    """Give /dev/null back to root: crun hands stdin to the container's user, and stdin is that device.

    user is the spec's process.user. With a /dev of the machine's own the device is the machine's.
    """
    owner = (user["uid"], user["gid"])
    if owner == (0, 0):
        return
    with suppress(OSError):
        root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            device = syscalls.openat2(root, "dev/null", os.O_PATH | os.O_NOFOLLOW)
        finally:
            os.close(root)
        try:
            found = os.fstat(device)
            if stat.S_ISCHR(found.st_mode) and found.st_rdev == _NULL and (found.st_uid, found.st_gid) == owner:
                os.chown(f"/proc/self/fd/{device}", 0, 0)
        finally:
            os.close(device)


def give_score(pid: int, score: int) -> None:
    """Give a process of an exec session the container's oom_score_adj, which crun's exec takes no notice of."""
    if score:
        with suppress(OSError), open(f"/proc/{pid}/oom_score_adj", "w") as file:
            file.write(str(score))
