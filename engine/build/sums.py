"""The sums by which a build tells whether files are the same: dockerd's tarsum, version 1. Pure.

Over a file's tar header but for its time, and its content; times never count. They stand in an image's history, as in
"COPY file:<sum> in /there ", so they are the same here as there.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable

from engine.storage import tarformat, tarwriter
from engine.storage.tarformat import Entry


def header(entry: Entry) -> bytes:
    """Return what of a tar header goes into the sum."""
    major, minor = (os.major(entry.device), os.minor(entry.device)) if entry.device else (0, 0)
    text = os.fsencode(
        f"name{entry.name}mode{entry.header_mode or entry.mode}uid{entry.uid}gid{entry.gid}size{entry.size}"
        f"typeflag{entry.type}linkname{entry.link}unamegnamedevmajor{major}devminor{minor}"
    )
    if entry.xattrs:
        text += b"".join(os.fsencode(name) + value for name, value in sorted(entry.xattrs.items()))
    return text


def entry_of(path: str, found: os.stat_result, link: str = "", xattrs: dict[str, bytes] | None = None) -> Entry | None:
    """Return the tar header that dockerd would make of a file, None for what no archive holds."""
    kind = tarwriter.KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        return None
    return Entry(
        name=f"{path}/" if kind == tarformat.FOLDER else path,
        type=kind,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        size=found.st_size if kind == tarformat.REGULAR else 0,
        mtime=0,
        link=link,
        device=found.st_rdev if kind in (tarformat.CHARACTER_DEVICE, tarformat.BLOCK_DEVICE) else 0,
        xattrs=xattrs or {},
    )


def of_all(prefix: str, sums: Iterable[str]) -> str:
    """Return one sum of several, after a word for what they are together."""
    return f"{prefix}:{hashlib.sha256(','.join(sums).encode('utf-8', 'surrogateescape')).hexdigest()}"
