"""Reading tar archives: what Python's tarfile and GNU tar write, and what nobody should."""

from __future__ import annotations

import io
import random
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadArchive
from engine.storage import tarformat
from engine.storage.source import Source
from engine.storage.tarformat import Entry, TarReader
from tests.harness.tars import archive, folder, hard_link, member, symlink

LONG = "/".join(["long" * 20] * 5)


class Trickle:
    """A stream that gives a few bytes at a time, as a socket may."""

    def __init__(self, data: bytes, step: int) -> None:
        self._file = io.BytesIO(data)
        self._step = step

    def read(self, n: int, /) -> bytes:
        return self._file.read(min(n, self._step))


def read(data: bytes, step: int = 1 << 20) -> tuple[list[tuple[Entry, bytes]], bytes]:
    """Return an archive's entries with their contents, and its raw bytes with the contents taken out."""
    raw: list[bytes] = []
    reader = TarReader(Source(Trickle(data, step)), raw.append)
    found = []
    for entry in reader:
        content = b""
        while piece := reader.content(1 << 16):
            content += piece
        found.append((entry, content))
    return found, b"".join(raw)


def entries(data: bytes) -> list[Entry]:
    return [entry for entry, _ in read(data)[0]]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format_gives_the_same_entries(form: int) -> None:
    data = archive(
        folder("d", uid=5, gid=6, mtime=7),
        member("d/file", b"content", mode=0o4755, uname="someone"),
        symlink("d/link", "file"),
        hard_link("d/hard", "d/file"),
        member("d/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        member("d/disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0),
        member("d/pipe", type=tarfile.FIFOTYPE),
        format=form,
    )
    found, _ = read(data)
    assert [(entry.name.rstrip("/"), entry.type, entry.link, content) for entry, content in found] == [
        ("d", tarformat.FOLDER, "", b""),
        ("d/file", tarformat.REGULAR, "", b"content"),
        ("d/link", tarformat.SYMBOLIC_LINK, "file", b""),
        ("d/hard", tarformat.HARD_LINK, "d/file", b""),
        ("d/null", tarformat.CHARACTER_DEVICE, "", b""),
        ("d/disk", tarformat.BLOCK_DEVICE, "", b""),
        ("d/pipe", tarformat.FIFO, "", b""),
    ]
    first, second = found[0][0], found[1][0]
    assert (first.uid, first.gid, first.mtime, second.mode) == (5, 6, 7_000_000_000, 0o4755)
    assert found[4][0].device == 0x103


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_links(form: int) -> None:
    found = entries(archive(member(LONG, b"x"), symlink("s", LONG), format=form))
    assert found[0].name == LONG
    assert found[1].link == LONG


def test_names_that_are_no_utf8_survive() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    info = tarfile.TarInfo(name)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        tar.addfile(info)
    assert entries(out.getvalue())[0].name == name


def test_pax_fields_count_more_than_the_header() -> None:
    headers = {"mtime": "1.5", "SCHILY.xattr.user.x": "value", "uid": "3000000"}
    found = entries(archive(member("a", b"", pax_headers=headers)))[0]
    assert (found.mtime, found.xattrs, found.uid) == (1_500_000_000, {"user.x": b"value"}, 3_000_000)


def test_numbers_in_base_256() -> None:
    data = archive(member("big", uid=1 << 30, mtime=-5), format=tarfile.GNU_FORMAT)
    assert entries(data)[0].uid == 1 << 30
    assert entries(data)[0].mtime == -5_000_000_000


@given(st.lists(st.binary(max_size=2000), max_size=5), st.integers(min_value=1, max_value=700))
def test_raw_bytes_and_contents_are_the_archive(contents: list[bytes], step: int) -> None:
    data = archive(*(member(f"f{number}", content) for number, content in enumerate(contents)))
    found, raw = read(data, step)
    assert [content for _, content in found] == contents
    assert len(raw) + sum(map(len, contents)) == len(data)


def test_what_follows_the_end_is_raw() -> None:
    _, raw = read(archive(member("a", b"")) + b"more")
    assert raw.endswith(b"more")


def test_the_end_may_be_missing() -> None:
    assert [entry.name for entry in entries(archive(member("a", b"x"))[:1024])] == ["a"]


def test_nothing_is_an_empty_archive() -> None:
    assert entries(b"") == []


@pytest.mark.parametrize("length", [1, 511, 513, 700, 1000, 2559])  # the last one in the second closing block
def test_a_cut_archive_is_an_error(length: int) -> None:
    with pytest.raises(BadArchive, match="unexpected EOF"):
        read(archive(member("a", b"x" * 600))[:length])


def test_every_broken_header_byte_shows() -> None:
    whole = archive(member("name", b"x"), format=tarfile.USTAR_FORMAT)
    for at in set(range(512)) - {155}:  # what follows the checksum's NUL says nothing
        broken = bytearray(whole)
        broken[at] ^= 0x11
        with pytest.raises(BadArchive):
            read(bytes(broken))


@given(st.binary(min_size=512, max_size=3000))
def test_noise_is_an_error_or_an_archive(data: bytes) -> None:
    try:
        read(data)
    except BadArchive:
        pass


def test_noise_inside_a_real_archive_never_escapes_as_another_error() -> None:
    whole = archive(folder("d"), member(LONG, b"x" * 100, pax_headers={"SCHILY.xattr.a": "b"}), symlink("s", "d"))
    chance = random.Random(7)
    for _ in range(3000):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        try:
            read(bytes(broken))
        except BadArchive:
            pass


@pytest.mark.parametrize("kind", ["gnu", "0.0", "0.1", "1.0"])
def test_sparse_files_of_gnu_tar(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        for number in range(12):
            file.seek(number * 300_000)
            file.write(b"part%02d" % number)
        file.truncate(5_000_000)
    form = ["--format=gnu"] if kind == "gnu" else ["--format=posix", f"--sparse-version={kind}"]
    command = ["tar", "-C", str(tmp_path), *form, "--sparse", "-cf", "-", "sparse"]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    found, raw = read(data)
    (entry, content), holes = found[0], found[0][0].holes
    assert (entry.name, entry.size, entry.type) == ("sparse", 5_000_000, tarformat.REGULAR)
    assert holes is not None
    rebuilt = bytearray(entry.size)
    at = 0
    for offset, length in holes:
        rebuilt[offset : offset + length] = content[at : at + length]
        at += length
    assert bytes(rebuilt) == path.read_bytes()
    assert len(raw) + len(content) == len(data)


def test_a_sparse_map_that_leads_out_of_the_file_is_refused() -> None:
    for parts in ([(0, 10), (5, 5)], [(90, 20)], [(0, 5)], [(-1, 10)], [(0, -1), (0, 11)]):
        with pytest.raises(BadArchive):
            tarformat.check_sparse(parts, 100, 10)
    tarformat.check_sparse([(0, 4), (94, 6)], 100, 10)
