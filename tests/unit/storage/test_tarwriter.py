from __future__ import annotations

import io
import os
import tarfile

import pytest

from engine.storage.tarformat import Entry
from engine.storage.tarwriter import END, header, padding


def read(data: bytes) -> tarfile.TarInfo:
    """Read the only member of an archive by Python's own module."""
    with tarfile.open(fileobj=io.BytesIO(data + END)) as archive:
        (member,) = archive.getmembers()
    return member


def entry(name: str = "a", kind: str = "0", **keys: object) -> Entry:
    """Return an entry with a few values that are always the same."""
    values: dict[str, object] = {"mode": 0o4755, "uid": 1, "gid": 2, "size": 0, "mtime": 5_900_000_000, **keys}
    return Entry(name=name, type=kind, **values)  # type: ignore[arg-type]


def test_plain_values_need_no_pax_header() -> None:
    data = header(entry())
    assert len(data) == 512
    member = read(data)
    assert (member.name, member.mode, member.uid, member.gid, member.mtime) == ("a", 0o4755, 1, 2, 5)
    assert member.isreg()


@pytest.mark.parametrize("name", ["n" * 100, "n" * 101, "d/" * 200 + "f", "ü", "x" * 99 + "é", "\udcff\udcfe"])
def test_names_of_any_length_and_bytes(name: str) -> None:
    member = read(header(entry(name, "2", link=name)))
    assert os.fsencode(member.name) == os.fsencode(member.linkname) == os.fsencode(name)


@pytest.mark.parametrize("value", [2097151, 2097152, 4_000_000_000])
def test_large_owners(value: int) -> None:
    member = read(header(entry(uid=value, gid=value)))
    assert (member.uid, member.gid) == (value, value)


@pytest.mark.parametrize("size", [8**11 - 1, 8**11, 1 << 40])
def test_large_sizes(size: int) -> None:
    with tarfile.open(fileobj=io.BytesIO(header(entry(size=size)))) as archive:
        member = archive.next()
    assert member is not None
    assert member.size == size


def test_times_before_1970() -> None:
    assert read(header(entry(mtime=-1_500_000_000))).mtime == -2


def test_devices_and_folders() -> None:
    member = read(header(entry("dev", "4", device=os.makedev(259, 70000))))
    assert member.isblk()
    assert (member.devmajor, member.devminor) == (259, 70000)
    assert read(header(entry("d/", "5"))).isdir()


@pytest.mark.parametrize("length", range(70, 110))
def test_a_record_counts_its_own_length(length: int) -> None:
    value = b"\0\xff" + b"v" * length
    member = read(header(entry(xattrs={"security.capability": value})))
    assert os.fsencode(member.pax_headers["SCHILY.xattr.security.capability"]) == value


def test_content_is_padded_to_whole_blocks() -> None:
    assert [len(padding(size)) for size in (0, 1, 511, 512, 513)] == [0, 511, 1, 0, 511]
