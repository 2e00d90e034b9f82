"""The init program that a container gets for HostConfig.Init: which one this machine has."""

from __future__ import annotations

import os

from engine.errors import Unavailable

# All of them take the program after "--", reap what is orphaned, and pass signals on.
NAMES = ("docker-init", "tini-static", "tini", "catatonit")
FOLDERS = (
    "/usr/local/libexec/docker",
    "/usr/libexec/docker",
    "/usr/local/lib/docker",
    "/usr/lib/docker",
    "/usr/libexec/podman",
    "/usr/lib/podman",
)


class InitMissing(Unavailable):
    """No init program is installed."""

    def __init__(self) -> None:
        super().__init__(f"cannot give the container an init process: install {' or '.join(NAMES)}")


def find_init(path: str | None = None) -> str:
    """Return the path of the first init program that there is. Raises InitMissing.

    path is a list of folders as in $PATH, by default the usual ones.
    """
    folders = ("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" if path is None else path).split(":")
    for name in NAMES:
        for folder in (*folders, *FOLDERS) if path is None else folders:
            candidate = f"{folder}/{name}"
            if os.access(candidate, os.X_OK) and os.path.isfile(candidate):
                return candidate
    raise InitMissing


def wants_init(init: bool | None, pid_mode: str) -> bool:
    """Whether a container gets one: when asked for, and only where it has processes of its own."""
    return bool(init) and pid_mode == ""
