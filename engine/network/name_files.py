"""The three files that are mounted over a container's /etc/hosts, /etc/hostname and /etc/resolv.conf.

They are hosts, hostname and resolv.conf in the container's folder, with the texts of engine.network.names. A running
container has them bind-mounted, so a file that is there is written in place and never replaced.
"""

from __future__ import annotations

import os
from pathlib import Path

from engine.lean_dataclasses import dataclass

MODE = 0o644


@dataclass(frozen=True, slots=True)
class NameFiles:
    """The paths of a container's name files."""

    hosts: str
    hostname: str
    resolv_conf: str


NO_FILES = NameFiles("", "", "")  # of a container without a network: those of its image stay


def write(folder: Path, hosts: str, hostname: str, resolv_conf: str) -> NameFiles:
    """Write the files for a start, over what the container or somebody else made of them before.

    The folder must be there. Raises OSError, also when one of the files is a symbolic link.
    """
    paths = NameFiles(str(folder / "hosts"), str(folder / "hostname"), str(folder / "resolv.conf"))
    for path, text in ((paths.hosts, hosts), (paths.hostname, hostname), (paths.resolv_conf, resolv_conf)):
        _write(path, text)
    return paths


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    try:
        os.fchmod(fd, MODE)  # whatever the umask is: a container's other users read it
        view = memoryview(text.encode("utf-8", "surrogateescape"))
        while view:
            view = view[os.write(fd, view) :]
    finally:
        os.close(fd)
