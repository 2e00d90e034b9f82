"""Removing trees that are deeper than Python's stack and than any path, and telling what is removed in a moment."""

from __future__ import annotations

import os
from pathlib import Path

from engine.hurry import A_FEW
from engine.storage.folders import LITTLE, is_little, remove_tree

LEVELS = 3000


def test_no_tree_is_too_deep(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for _ in range(LEVELS):
        os.mkdir("d", dir_fd=fd)
        os.close(os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    remove_tree(top)
    assert not top.exists()


def test_few_and_small_files_are_little(tmp_path: Path) -> None:
    inner = tmp_path / "some" / "folder"
    inner.mkdir(parents=True)
    (inner / "file").write_bytes(b"x")
    (inner / "link").symlink_to("/")
    assert is_little(tmp_path, tmp_path / "not there")
    with (inner / "file").open("wb") as file:
        file.truncate(LITTLE + 1)
    assert not is_little(tmp_path)


def test_many_files_are_not_little(tmp_path: Path) -> None:
    for number in range(A_FEW):
        (tmp_path / str(number)).touch()
    assert is_little(tmp_path)
    (tmp_path / "one more").touch()
    assert not is_little(tmp_path)
