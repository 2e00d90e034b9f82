"""Tar archives for tests, made member by member, hostile ones included."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, data: bytes = b"", **fields: object) -> Member:
    """Return one member; fields are tarfile.TarInfo's."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def folder(name: str, **fields: object) -> Member:
    """Return a folder."""
    return member(name, type=tarfile.DIRTYPE, **{"mode": 0o755, **fields})


def symlink(name: str, target: str) -> Member:
    """Return a symbolic link."""
    return member(name, type=tarfile.SYMTYPE, linkname=target)


def hard_link(name: str, target: str, **fields: object) -> Member:
    """Return a hard link."""
    return member(name, type=tarfile.LNKTYPE, linkname=target, **fields)


def archive(*members: Member, format: int = tarfile.PAX_FORMAT) -> bytes:  # noqa: A002 - tarfile's word
    """Return the archive of these members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def files(contents: Mapping[str, bytes]) -> bytes:
    """Return an archive of plain files."""
    return archive(*(member(name, data) for name, data in contents.items()))
