"""What a path of a container is, as the header of the archive endpoints tells it. Pure."""

from __future__ import annotations

import base64
import stat
from typing import TYPE_CHECKING

from compat_api.shapes.times import rfc3339_nano
from engine.go_json import bytes_of, dumps_escaped

if TYPE_CHECKING:
    from engine.containers.archive import PathStat

HEADER = "X-Docker-Container-Path-Stat"

# Go's os.FileMode: the permissions, and a bit for each thing more.
_KINDS = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
}
_BITS = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}


def file_mode(mode: int) -> int:
    """Return the kernel's mode as Go writes it."""
    bits = sum(theirs for ours, theirs in _BITS.items() if mode & ours)
    return (mode & 0o777) | bits | _KINDS.get(stat.S_IFMT(mode), 0)


def header(found: PathStat) -> tuple[str, str]:
    """Return the header."""
    text = dumps_escaped(
        {
            "name": found.name,
            "size": found.size,
            "mode": file_mode(found.mode),
            "mtime": rfc3339_nano(found.mtime) if found.mtime else "1970-01-01T00:00:00Z",
            "linkTarget": found.link_target,
        }
    )
    return HEADER, base64.b64encode(bytes_of(text)).decode()
