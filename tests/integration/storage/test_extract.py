"""Extracting layers into a real folder as root: what must come out, and what must not get out."""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from engine.errors import BadArchive
from engine.storage.extract import Extracted, LayerUnwritable, extract
from engine.storage.folders import content_size
from engine.storage.tarsplit import assemble
from tests.harness.tars import archive, folder, hard_link, member, symlink


class Layer:
    """A folder inside a jail that notices what is written around it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "deep" / "root"
        self.root.mkdir(parents=True)
        self.split = home / "split"
        (home / "victim").write_text("untouched")
        (home / "deep" / "victim").write_text("untouched")

    def take(self, data: bytes) -> Extracted:
        with open(self.split, "wb") as split:
            return extract(io.BytesIO(data), self.root, split)

    def again(self) -> bytes:
        return b"".join(assemble(self.split, self.root))

    def unharmed(self) -> bool:
        files = sorted(
            str(path.relative_to(self.home)) for path in self.home.rglob("*") if self.root not in path.parents
        )
        texts = [(self.home / "victim").read_text(), (self.home / "deep" / "victim").read_text()]
        expected = ["deep", "deep/root", "deep/victim", "split", "victim"]
        return files == expected and texts == ["untouched"] * 2


@pytest.fixture
def layer(tmp_path: Path) -> Layer:
    return Layer(tmp_path)


def test_everything_that_a_layer_can_hold(layer: Layer) -> None:
    capability = b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    headers = {
        "SCHILY.xattr.security.capability": capability.decode("utf-8", "surrogateescape"),
        "SCHILY.xattr.user.note": "hello",
        "mtime": "1234567890.123456789",
    }
    data = archive(
        folder("./", mode=0o700),
        folder("d", mode=0o1777, uid=3, gid=4, mtime=1000),
        member("d/suid", b"content", mode=0o4755, uid=1, gid=2, pax_headers=headers),
        symlink("d/link", "../d/suid"),
        hard_link("d/hard", "d/suid", mode=0o4755, uid=1, gid=2, pax_headers=headers),
        member("d/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
        member("d/disk", type=tarfile.BLKTYPE, devmajor=7, devminor=99, mode=0o660),
        member("d/pipe", type=tarfile.FIFOTYPE, mode=0o600),
        member("made/on/the/way", b"x", mtime=5),
    )
    made = layer.take(data)
    root = layer.root
    assert stat.S_IMODE(root.stat().st_mode) == 0o755  # the root is the store's
    found = (root / "d/suid").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_nlink) == (0o4755, 1, 2, 2)
    assert found.st_mtime_ns == 1_234_567_890_123_456_789
    assert os.getxattr(root / "d/suid", "security.capability") == capability
    assert os.getxattr(root / "d/suid", "user.note") == b"hello"
    assert os.readlink(root / "d/link") == "../d/suid"
    null, disk = (root / "d/null").stat(), (root / "d/disk").stat()
    assert (stat.S_ISCHR(null.st_mode), null.st_rdev) == (True, os.makedev(1, 3))
    assert (stat.S_ISBLK(disk.st_mode), disk.st_rdev) == (True, os.makedev(7, 99))
    assert stat.S_ISFIFO((root / "d/pipe").stat().st_mode)
    inside = (root / "d").stat()
    assert (stat.S_IMODE(inside.st_mode), inside.st_uid, inside.st_gid) == (0o1777, 3, 4)
    assert inside.st_mtime_ns == 1000 * 10**9, "a folder's time must not change with what is put into it"
    assert stat.S_IMODE((root / "made/on").stat().st_mode) == 0o755
    assert (made.uids, made.gids) == ([0, 1, 3], [0, 2, 4])
    assert made.content_size == content_size(root) == len(b"content") + len("../d/suid") + 1
    assert layer.again() == data


def test_whiteouts_become_overlayfs_own(layer: Layer) -> None:
    data = archive(
        folder("opaque"),
        member("opaque/.wh..wh..opq"),
        member("opaque/kept", b"x"),
        member("d/.wh.gone", uid=0, gid=0),
        member(".wh.top"),
    )
    made = layer.take(data)
    gone = (layer.root / "d/gone").lstat()
    assert (stat.S_ISCHR(gone.st_mode), gone.st_rdev) == (True, 0)
    assert (layer.root / "top").lstat().st_rdev == 0
    assert os.getxattr(layer.root / "opaque", "trusted.overlay.opaque") == b"y"
    assert sorted(os.listdir(layer.root / "opaque")) == ["kept"]
    assert made.content_size == 1
    assert layer.again() == data


def test_overlayfs_own_attributes_are_not_the_archives_to_set(layer: Layer) -> None:
    headers = {"SCHILY.xattr.trusted.overlay.redirect": "/etc"}
    layer.take(archive(folder("d", pax_headers=headers)))
    assert os.listxattr(layer.root / "d") == []


@pytest.mark.parametrize(
    "members",
    [
        [member("../victim", b"owned")],
        [member("a/../../victim", b"owned")],
        [member("/victim", b"owned")],
        [symlink("out", ".."), member("out/victim", b"owned")],
        [symlink("out", "../.."), member("out/victim", b"owned")],
        [symlink("a", "b"), symlink("b", "../.."), member("a/victim", b"owned")],
        [folder("d"), symlink("d/up", "../../.."), member("d/up/victim", b"owned")],
        [symlink("victim", "../victim"), member("victim", b"owned")],
        [symlink("out", ".."), folder("out/new")],
        [symlink("out", ".."), member("out/.wh.victim")],
        [symlink("out", ".."), member("out/.wh..wh..opq")],
        [member(".wh..."), member("x", b"y")],
        [symlink("out", ".."), symlink("out/victim", "/etc/passwd")],
        [symlink("out", ".."), member("out/pipe", type=tarfile.FIFOTYPE)],
        [symlink("self", "/proc/self/root"), member("self/victim", b"owned")],
        [folder("d"), member("d/x", b"1"), symlink("d", ".."), member("d/victim", b"owned")],
    ],
    ids=lambda members: " ".join(info.name for info, _ in members),
)
def test_nothing_gets_out_of_the_folder(layer: Layer, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    try:
        layer.take(archive(*members))
    except (LayerUnwritable, BadArchive):
        pass
    assert layer.unharmed()


@pytest.mark.parametrize("target", ["/../victim", "out/victim"])
def test_hard_links_reach_nothing_outside(layer: Layer, target: str) -> None:
    with pytest.raises(LayerUnwritable, match=r"linkat .* stolen: no such file or directory"):
        layer.take(archive(symlink("out", ".."), hard_link("stolen", target)))
    assert layer.unharmed()


@pytest.mark.parametrize(
    ("words", "members"),
    [
        ('invalid hardlink target "../victim"', [hard_link("stolen", "../victim")]),
        ('invalid hardlink target "../../victim"', [symlink("out", ".."), hard_link("stolen", "../../victim")]),
        ('invalid whiteout entry "a/.wh."', [folder("a"), member("a/.wh.")]),
        ('invalid whiteout entry "a/.wh..."', [folder("a"), member("a/.wh...")]),
        ("failed to mknod('a/b', S_IFCHR, 0): file exists", [member("a/b", b"1"), member("a/.wh.b")]),
        ("failed to mknod('a', S_IFCHR, 0): file exists", [member("a/b", b"1"), member(".wh.a")]),
        ("unhandled tar header type 55", [member("a", b"1", type=b"7")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_dockerd_refuses(layer: Layer, words: str, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    with pytest.raises((LayerUnwritable, BadArchive), match=f"^{re.escape(words)}$"):
        layer.take(archive(*members))
    assert layer.unharmed()


def test_a_hard_link_has_the_last_word(layer: Layer) -> None:
    """As with dockerd: what the link's header says of owner, mode and time holds for the file that both names have."""
    layer.take(archive(member("f", b"x", mode=0o4755, uid=5, mtime=7), hard_link("h", "f", mode=0o640, gid=6, mtime=8)))
    found = (layer.root / "f").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_mtime) == (0o640, 0, 6, 8)


def test_a_link_that_leads_nowhere_gets_what_it_leads_to(layer: Layer) -> None:
    data = archive(symlink("l", "no/where"), member("l/y/x", b"1"), symlink("m", "/../up"), member("m/z", b"2"))
    layer.take(data)
    assert (layer.root / "no/where/y/x").read_bytes() == b"1"
    assert (layer.root / "up/z").read_bytes() == b"2"
    assert layer.again() == data
    with pytest.raises(LayerUnwritable, match="too many levels of symbolic links"):
        layer.take(archive(symlink("self", "self"), member("self/x", b"1")))
    assert layer.unharmed()


def test_what_a_global_header_says_is_not_heeded(layer: Layer) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"uid": "77"}) as tar:
        info, content = member("f", b"x")
        tar.addfile(info, io.BytesIO(content))
    layer.take(out.getvalue())
    assert (layer.root / "f").stat().st_uid == 0
    assert layer.again() == out.getvalue()


def test_odd_names_are_found_again(layer: Layer) -> None:
    data = archive(member("a/../f", b"1"), member("c/", b"2"), member("d//g", b"3"), member("./e", b"4"))
    layer.take(data)
    assert layer.again() == data


def test_an_absolute_link_is_followed_inside(layer: Layer) -> None:
    layer.take(archive(folder("real"), symlink("alias", "/real"), member("alias/file", b"x")))
    assert (layer.root / "real/file").read_bytes() == b"x"


def test_what_is_in_the_way_makes_room(layer: Layer) -> None:
    layer.take(
        archive(
            folder("a/b/c"),
            member("a/b/c/old", b"old content"),
            symlink("l", "a"),
            member("l/b", b"new"),  # the folder a/b, by another name, becomes a file
            folder("s"),
            symlink("t", "s"),
            symlink("here", "."),
            folder("here/t"),  # a folder takes a link's place
        )
    )
    assert (layer.root / "a/b").read_bytes() == b"new"
    assert not (layer.root / "t").is_symlink()


@pytest.mark.parametrize("version", ["gnu", "0.0", "0.1", "1.0"])
def test_sparse_files_come_out_with_their_holes_and_go_back_as_they_were(
    layer: Layer, tmp_path: Path, version: str
) -> None:
    source = layer.home / "split"
    with open(source, "wb") as file:
        for number in range(9):
            file.seek(number << 20)
            file.write(b"x" * 5000)
        file.truncate(20 << 20)
    form = ["--format=gnu"] if version == "gnu" else ["--format=posix", f"--sparse-version={version}"]
    command = ["tar", "-C", str(layer.home), *form, "--sparse", "-cf", "-", "split"]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    wanted = source.read_bytes()
    made = layer.take(data)
    found = layer.root / "split"
    assert found.read_bytes() == wanted
    assert found.stat().st_blocks * 512 < 1 << 20
    assert made.content_size == 20 << 20
    assert layer.again() == data


def test_a_layer_that_python_and_tar_make(layer: Layer) -> None:
    command = ["tar", "-C", "/etc", "--format=gnu", "-cf", "-", "."]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    layer.take(data)
    assert subprocess.run(["diff", "-r", "--no-dereference", "/etc", layer.root], check=False).returncode == 0
    assert layer.again() == data


CUTS = {
    "inside the first header": 300,
    "inside the second header": 800,
    "before a file's first byte": 1024,
    "inside a file": 6000,
    "inside a later header": 11_500,
    "inside the last file": 12_000,
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_a_cut_archive_is_an_error_wherever_it_is_cut(layer: Layer, cut: int) -> None:
    data = archive(folder("d"), member("d/f", b"x" * 10_000), member("g", b"y" * 700))
    with pytest.raises(BadArchive, match="unexpected EOF"):
        layer.take(data[:cut])


def test_only_the_end_marks_may_be_missing(layer: Layer) -> None:
    data = archive(member("g", b"y" * 700))
    assert layer.take(data[: 512 + 700]).content_size == 700
    assert layer.again() == data[: 512 + 700]
