"""Options of the local driver: type, o and device, with which a volume is a file system mounted at its folder.

Pure: what they may be, and what mount(2) makes of them. dockerd's words throughout.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine import syscalls
from engine.errors import InvalidParameter

_KNOWN = ("type", "o", "device", "size")
_NEEDED = {"device": ("type",), "type": ("device",), "o": ("device", "type")}

_MS_SYNCHRONOUS, _MS_MANDLOCK, _MS_DIRSYNC, _MS_NOATIME, _MS_NODIRATIME = 16, 64, 128, 1024, 2048
_MS_UNBINDABLE, _MS_RELATIME, _MS_STRICTATIME = 1 << 17, 1 << 21, 1 << 24

_SET = {
    "ro": syscalls.MS_RDONLY,
    "nosuid": syscalls.MS_NOSUID,
    "nodev": syscalls.MS_NODEV,
    "noexec": syscalls.MS_NOEXEC,
    "sync": _MS_SYNCHRONOUS,
    "dirsync": _MS_DIRSYNC,
    "remount": syscalls.MS_REMOUNT,
    "mand": _MS_MANDLOCK,
    "noatime": _MS_NOATIME,
    "nodiratime": _MS_NODIRATIME,
    "bind": syscalls.MS_BIND,
    "rbind": syscalls.MS_BIND | syscalls.MS_REC,
    "unbindable": _MS_UNBINDABLE,
    "runbindable": _MS_UNBINDABLE | syscalls.MS_REC,
    "private": syscalls.MS_PRIVATE,
    "rprivate": syscalls.MS_PRIVATE | syscalls.MS_REC,
    "shared": syscalls.MS_SHARED,
    "rshared": syscalls.MS_SHARED | syscalls.MS_REC,
    "slave": syscalls.MS_SLAVE,
    "rslave": syscalls.MS_SLAVE | syscalls.MS_REC,
    "relatime": _MS_RELATIME,
    "strictatime": _MS_STRICTATIME,
}
_CLEAR = {
    "rw": syscalls.MS_RDONLY,
    "suid": syscalls.MS_NOSUID,
    "dev": syscalls.MS_NODEV,
    "exec": syscalls.MS_NOEXEC,
    "async": _MS_SYNCHRONOUS,
    "nomand": _MS_MANDLOCK,
    "atime": _MS_NOATIME,
    "diratime": _MS_NODIRATIME,
    "norelatime": _MS_RELATIME,
    "nostrictatime": _MS_STRICTATIME,
}
PROPAGATION = syscalls.MS_PRIVATE | syscalls.MS_SHARED | syscalls.MS_SLAVE | _MS_UNBINDABLE


class InvalidVolumeOption(InvalidParameter):
    """An option that the local driver does not have, or that lacks another."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"create {name}: {cause}")
        self.name = name
        self.cause = cause


def check_options(name: str, options: Mapping[str, str]) -> None:
    """Refuse options of a volume called name that the driver cannot follow. Raises InvalidVolumeOption."""
    for option in options:
        if option not in _KNOWN:
            raise InvalidVolumeOption(name, f'invalid option: "{option}"')
    if "size" in options:
        raise InvalidVolumeOption(name, "quota size requested but no quota support")
    for option, needed in _NEEDED.items():
        for other in needed if option in options else ():
            if other not in options:
                raise InvalidVolumeOption(name, f'missing required option: "{other}"')


def parse_mount_options(text: str) -> tuple[int, str]:
    """Split mount options as fstab has them into mount(2)'s flags and the file system's own data."""
    flags = 0
    data = []
    for option in text.split(","):
        if option in _SET:
            flags |= _SET[option]
        elif option in _CLEAR:
            flags &= ~_CLEAR[option]
        elif option not in ("", "defaults"):
            data.append(option)
    return flags, ",".join(data)
