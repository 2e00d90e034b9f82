"""Removing trees that are deeper than Python's stack and than any path."""

from __future__ import annotations

import os
from pathlib import Path

from engine.storage.folders import remove_tree

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
