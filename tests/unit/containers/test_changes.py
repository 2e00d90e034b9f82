from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.containers.changes import ADDED, DELETED, MODIFIED, Change, compare
from engine.storage import merged
from engine.storage.merged import Merged


@pytest.fixture
def upper(tmp_path: Path) -> Path:
    """An empty layer over one with a few files."""
    lower = tmp_path / "lower"
    for name in ("bin/sh", "bin/ls", "etc/group", "opt/a/b/c"):
        (lower / name).parent.mkdir(parents=True, exist_ok=True)
        (lower / name).write_text(name)
    (tmp_path / "upper").mkdir()
    return tmp_path / "upper"


def copy_up(upper: Path, name: str) -> Path:
    """Make a folder or file in the upper layer as overlayfs does before something is changed in it."""
    path, old = upper / name, upper.parent / "lower" / name
    if path.parent != upper and not path.parent.exists():
        copy_up(upper, str(Path(name).parent))
    if old.is_dir():
        path.mkdir()
    else:
        path.write_bytes(old.read_bytes())
    status = old.stat()
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return path


def found(upper: Path) -> list[tuple[str, int]]:
    """Return what compare says of the two layers."""
    with Merged([upper, upper.parent / "lower"]) as view:
        changes = compare(view)
    assert all(isinstance(change, Change) for change in changes)
    return [(change.path, change.kind) for change in changes]


def test_nothing_changed(upper: Path) -> None:
    assert found(upper) == []


def test_what_was_copied_up_and_left_alone_is_no_change(upper: Path) -> None:
    copy_up(upper, "bin/sh")
    os.utime(upper / "bin", ns=(5, 5))
    assert found(upper) == []


def test_added_files_and_folders_with_all_in_them(upper: Path) -> None:
    (upper / "new" / "deep").mkdir(parents=True)
    (upper / "new" / "deep" / "file").touch()
    copy_up(upper, "etc")
    (upper / "etc" / "zz").symlink_to("group")
    assert found(upper) == [
        ("/etc", MODIFIED),
        ("/etc/zz", ADDED),
        ("/new", ADDED),
        ("/new/deep", ADDED),
        ("/new/deep/file", ADDED),
    ]


@pytest.mark.parametrize("how", ["content", "mode", "time", "kind"])
def test_a_modified_file_takes_its_folders_along(upper: Path, how: str) -> None:
    path = copy_up(upper, "opt/a/b/c")
    if how == "content":
        path.write_text("longer than before")
    elif how == "mode":
        path.chmod(0o4711)
    elif how == "time":
        os.utime(path, ns=(1, 1_500_000_001))
    else:
        path.unlink()
        path.mkdir()
    assert found(upper) == [("/opt", 0), ("/opt/a", 0), ("/opt/a/b", 0), ("/opt/a/b/c", MODIFIED)]


def test_a_time_without_fraction_stands_for_its_second(upper: Path) -> None:
    path = copy_up(upper, "etc/group")
    os.utime(upper.parent / "lower" / "etc" / "group", ns=(0, 7_000_000_000))
    os.utime(path, ns=(0, 7_123_456_789))
    assert found(upper) == []


def test_removed_files(upper: Path) -> None:
    copy_up(upper, "bin")
    os.mknod(upper / "bin" / "sh", 0o020000, 0)
    os.mknod(upper / "bin" / "never-there", 0o020000, 0)
    assert found(upper) == [("/bin", MODIFIED), ("/bin/sh", DELETED)]


def test_a_folder_that_was_made_anew(upper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_up(upper, "bin")
    (upper / "bin" / "new").touch()
    monkeypatch.setattr(merged, "_is_opaque", lambda path: os.path.exists(f"{path}/new"))
    assert found(upper) == [("/bin", 0), ("/bin/ls", DELETED), ("/bin/new", ADDED), ("/bin/sh", DELETED)]


def test_mount_points_of_the_engine_are_nobody_s_change(upper: Path) -> None:
    (upper / "dev").mkdir()
    copy_up(upper, "etc")
    for name in ("etc/hosts", "etc/resolv.conf", ".dockerenv"):
        (upper / name).touch()
    assert found(upper) == []
    (upper / "etc" / "hosts").write_text("of the container's own")
    assert found(upper) == [("/etc", MODIFIED), ("/etc/hosts", ADDED)]
