"""Mounting a volume whose options name a device: once, however many containers use it.

Called under the volume's lock. Whether it is mounted is read from the kernel, so nothing can disagree with it.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

from engine import syscalls
from engine.errors import EngineError
from engine.volumes.options import PROPAGATION, parse_mount_options

_BACKSLASH_CODES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}


class VolumeNotMounted(EngineError):
    """What the options name could not be mounted."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"error while mounting volume '{path}': {cause}")
        self.path = path
        self.cause = cause


def mount(path: Path, options: Mapping[str, str]) -> None:
    """Mount what the options name at path, unless something is. Raises VolumeNotMounted."""
    if is_mounted(path):
        return
    kind, device, text = options.get("type", ""), options.get("device", ""), options.get("o", "")
    flags, data = parse_mount_options(_with_address(path, kind, text))
    # Of the root, as for a daemon, wherever this process was started.
    source = f"/{device}" if flags & syscalls.MS_BIND and not device.startswith("/") else device
    try:
        syscalls.mount(source, path, kind, flags & ~PROPAGATION, data)
        # The kernel takes nothing else together with a bind.
        if flags & syscalls.MS_BIND and (more := flags & ~(PROPAGATION | syscalls.MS_BIND | syscalls.MS_REC)):
            syscalls.mount("", path, "", more | syscalls.MS_BIND | syscalls.MS_REMOUNT)
        if propagation := flags & PROPAGATION:
            syscalls.mount("", path, "", propagation | (flags & syscalls.MS_REC))
    except OSError as error:
        cause = (error.strerror or "").removeprefix("mount: ").lower()
        if is_mounted(path):
            syscalls.umount2(path)
        shown = (f", flags: 0x{flags:x}" if flags else "") + (f", data: {_hide(data)}" if data else "")
        raise VolumeNotMounted(path, f"failed to mount local volume: mount {device}:{path}{shown}: {cause}") from error


def unmount(path: Path) -> None:
    """Undo mount; nothing when it is not mounted. Raises OSError."""
    if is_mounted(path):
        syscalls.umount2(path)


def is_mounted(path: Path) -> bool:
    """Whether something is mounted at path itself."""
    wanted = str(path.resolve())
    return wanted in mount_points(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))


def mount_points(mountinfo: str) -> list[str]:
    """Return the mount points in the text of /proc/*/mountinfo (proc(5)), its escapes undone."""
    found = []
    for line in mountinfo.splitlines():
        point = line.split(" ", 5)[4]
        for code, character in _BACKSLASH_CODES.items():
            point = point.replace(code, character)
        found.append(point)
    return found


def _with_address(path: Path, kind: str, text: str) -> str:
    """Put a number in the place of a host name in nfs's addr=, since the kernel resolves none."""
    if kind not in ("nfs", "nfs4", "cifs"):
        return text
    made = []
    for option in text.split(","):
        key, _, value = option.partition("=")
        if key == "addr" and value:
            try:
                option = f"addr={socket.getaddrinfo(value, None)[0][4][0]}"
            except OSError as error:
                cause = "no such host" if isinstance(error, socket.gaierror) else str(error)
                words = f"error resolving passed in network volume address: lookup {value}: {cause}"
                raise VolumeNotMounted(path, words) from error
        made.append(option)
    return ",".join(made)


def _hide(data: str) -> str:
    """Leave passwords out of what is shown."""
    parts = data.split(",")
    return ",".join("password=********" if part.startswith("password=") else part for part in parts)
