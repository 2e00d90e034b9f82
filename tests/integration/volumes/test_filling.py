"""Filling volumes and mounting them, which takes root."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from engine import Engine, Settings
from engine.containers.config import MountPoint
from engine.volumes import Volumes
from engine.volumes.copy_up import VolumeOverFile, copy_up
from engine.volumes.local_mount import VolumeNotMounted, is_mounted
from engine.volumes.names import VolumeFolderFailed
from engine.volumes.subpath import SubpathUnusable, drop_subpaths, hold_subpaths


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    root = tmp_path / "rootfs"
    data = root / "data"
    (data / "sub").mkdir(parents=True)
    (data / "plain").write_bytes(os.urandom(100_000))
    os.utime(data / "plain", ns=(1_000_000_001, 2_000_000_002))
    os.chown(data / "plain", 33, 44)
    (data / "plain").chmod(0o4751)
    os.setxattr(data / "plain", "user.mark", b"x")
    os.setxattr(data / "plain", "trusted.mark", b"y")
    os.link(data / "plain", data / "sub/second-name")
    (data / "out").symlink_to("/etc/shadow")
    os.chown(data / "out", 5, 6, follow_symlinks=False)
    os.mkfifo(data / "pipe", 0o600)
    os.mknod(data / "device", stat.S_IFCHR | 0o640, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(data / "socket"))
    data.chmod(0o1730)
    os.chown(data, 7, 8)
    return root


def test_a_copy_has_all_of_the_original(rootfs: Path, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    assert copy_up(rootfs, "/data", volume)
    for name in (".", "plain", "sub", "pipe", "device"):
        ours, theirs = (volume / name).lstat(), (rootfs / "data" / name).lstat()
        for field in ("st_mode", "st_uid", "st_gid", "st_mtime_ns", "st_rdev"):
            assert getattr(ours, field) == getattr(theirs, field), f"{name} {field}"
    assert (volume / "plain").read_bytes() == (rootfs / "data/plain").read_bytes()
    assert os.getxattr(volume / "plain", "user.mark") == b"x"
    assert os.getxattr(volume / "plain", "trusted.mark") == b"y"
    assert (volume / "plain").samefile(volume / "sub/second-name")
    assert os.readlink(volume / "out") == "/etc/shadow"
    assert (volume / "out").lstat().st_uid == 5
    assert sorted(entry.name for entry in volume.iterdir()) == ["device", "out", "pipe", "plain", "sub"]


def test_a_volume_with_content_stays(rootfs: Path, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "own").touch()
    assert not copy_up(rootfs, "/data", volume)
    assert [entry.name for entry in volume.iterdir()] == ["own"]


def test_links_of_the_image_do_not_lead_out_of_it(rootfs: Path, tmp_path: Path) -> None:
    volume, outside = tmp_path / "volume", tmp_path / "outside"
    volume.mkdir()
    outside.mkdir()
    (outside / "secret").touch()
    (rootfs / "evil").symlink_to("../outside")
    (rootfs / "absolute").symlink_to(str(outside))
    assert not copy_up(rootfs, "/evil", volume)
    assert not copy_up(rootfs, "/absolute", volume)
    assert not copy_up(rootfs, "/nothing", volume)
    (rootfs / "inside").symlink_to("/data/sub")
    assert copy_up(rootfs, "/inside", volume)
    assert [entry.name for entry in volume.iterdir()] == ["second-name"]


def test_a_file_is_no_place_for_a_volume(rootfs: Path, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    with pytest.raises(VolumeOverFile) as caught:
        copy_up(rootfs, "/data/plain", volume)
    assert str(caught.value) == f"source {rootfs}/data/plain is not directory"


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return Volumes(Engine(Settings(root=tmp_path / "root", run_root=tmp_path / "run")))


def test_a_volume_with_options_is_mounted_while_it_is_used(volumes: Volumes) -> None:
    made = volumes.create("mem", options={"type": "tmpfs", "device": "tmpfs", "o": "size=1m,noexec"})
    point = MountPoint("volume", str(made.path), "/x", name="mem")
    assert not is_mounted(made.path)
    try:
        volumes.make_ready([point])
        volumes.make_ready([point])
        mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(made.path) in line]
        assert len(mounts) == 1
        assert "noexec" in mounts[0]
        assert "size=1024k" in mounts[0]
    finally:
        volumes.settle([point])
    assert not is_mounted(made.path)
    volumes.make_ready([point])
    volumes.remove("mem")
    assert str(made.path) not in Path("/proc/mounts").read_text()
    assert not made.path.exists()


@pytest.mark.parametrize(
    ("options", "cause"), [("", "no such file or directory"), ("password=abc", "password=[*]{8}: invalid argument")]
)
def test_what_cannot_be_mounted_is_told_without_its_password(volumes: Volumes, options: str, cause: str) -> None:
    made = volumes.create("disk", options={"type": "ext4", "device": "/does/not/exist", "o": options})
    with pytest.raises(VolumeNotMounted, match=cause) as caught:
        volumes.make_ready([MountPoint("volume", str(made.path), "/x", name="disk")])
    assert "abc" not in str(caught.value)


def test_a_server_that_has_no_address(volumes: Volumes) -> None:
    made = volumes.create("far", options={"type": "nfs", "device": ":/export", "o": "addr=host.invalid,rw"})
    words = f"error while mounting volume '{made.path}': error resolving passed in network volume address: lookup host"
    with pytest.raises(VolumeNotMounted, match=words):
        volumes.make_ready([MountPoint("volume", str(made.path), "/x", name="far")])


def test_a_name_as_long_as_one_can_be(volumes: Volumes) -> None:
    made = volumes.create("n" * 255)
    volumes.remove(made.name)
    with pytest.raises(VolumeFolderFailed, match="file name too long"):
        volumes.create("n" * 256)
    assert volumes.list() == []


def test_a_folder_that_went_missing_is_made_again(volumes: Volumes) -> None:
    made = volumes.create("data")
    made.path.rmdir()
    volumes.make_ready([MountPoint("volume", str(made.path), "/x", name="data")])
    assert made.path.is_dir()


def test_parts_of_volumes_are_held_and_dropped(tmp_path: Path) -> None:
    volume, run_folder = tmp_path / "volume", tmp_path / "run"
    (volume / "a/b").mkdir(parents=True)
    (volume / "a/file").write_text("content")
    (volume / "link").symlink_to("a")
    (volume / "evil").symlink_to("../../../etc")
    run_folder.mkdir()

    def part(subpath: str) -> MountPoint:
        return MountPoint("volume", str(volume), "/x", name="v", subpath=subpath)

    try:
        whole, folder, file = hold_subpaths([part(""), part("link/b"), part("a/file")], run_folder)
        assert whole.source == str(volume)
        assert Path(folder.source).samefile(volume / "a/b")
        assert Path(file.source).read_text() == "content"
    finally:
        drop_subpaths(run_folder)
    assert list(run_folder.iterdir()) == []
    assert (volume / "a/file").read_text() == "content"
    for subpath, words in (
        ("nope", "cannot access path"),
        ("evil", "escapes the base directory"),
        ("evil/passwd", "escapes the base directory"),
        ("a/file/x", "not a directory"),
    ):
        with pytest.raises(SubpathUnusable, match=words):
            hold_subpaths([part(subpath)], run_folder)
    drop_subpaths(run_folder)
    assert list(run_folder.iterdir()) == []
