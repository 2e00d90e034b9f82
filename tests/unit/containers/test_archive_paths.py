"""What a path that a client gives for a copy means."""

from __future__ import annotations

import pytest

from engine.containers.archive import NotExtractable, check_writable, go_base, keep_ending
from engine.containers.config import MountPoint
from engine.containers.view import Bind, planned
from engine.storage.unpack import leads_out


@pytest.mark.parametrize(
    ("clean", "path", "whole"),
    [
        ("/etc", "etc", "/etc"),
        ("/etc", "/etc/", "/etc/"),
        ("/etc", "/etc/.", "/etc/."),
        ("/", "/", "/"),
        ("/", ".", "/."),
        ("/", "/..", "/"),
        ("/etc", "/etc/..//etc//", "/etc/"),
    ],
)
def test_an_ending_that_asks_for_a_folder_stays(clean: str, path: str, whole: str) -> None:
    assert keep_ending(clean, path) == whole


@pytest.mark.parametrize(("path", "base"), [("/etc", "etc"), ("/etc/", "etc"), ("/etc/.", "."), ("//", "/"), ("", ".")])
def test_the_last_part_is_go_s(path: str, base: str) -> None:
    assert go_base(path) == base


@pytest.mark.parametrize(
    ("path", "read_only_root", "reason"),
    [
        ("/", False, ""),
        ("/", True, "container rootfs is marked read-only"),
        ("/v", True, ""),
        ("/v/deep/down", True, ""),
        ("/r", False, "mounted volume is marked read-only"),
        ("/r/", False, "mounted volume is marked read-only"),
        ("/r/w/x", True, ""),
        ("/rr", False, ""),
    ],
)
def test_what_is_read_only_takes_nothing(path: str, read_only_root: bool, reason: str) -> None:
    points = [
        MountPoint("volume", "/s", "/v"),
        MountPoint("bind", "/s", "/r", read_write=False),
        MountPoint("bind", "/s", "/r/w"),
    ]
    if not reason:
        check_writable(path, points, read_only_root)
        return
    with pytest.raises(NotExtractable, match=reason):
        check_writable(path, points, read_only_root)


@pytest.mark.parametrize(
    ("name", "out"),
    [
        *[(each, True) for each in ("..", "../", "../a", "a/../../b")],
        *[(each, False) for each in ("a", "a/../b", "/../a", "...", "..a/b", "")],
    ],
)
def test_which_names_lead_out(name: str, out: bool) -> None:
    assert leads_out(name) is out


def test_a_view_has_volumes_and_binds_outer_ones_first_and_no_tmpfs() -> None:
    points = [
        MountPoint("bind", "/s/deep", "/a/b", read_write=False, options=["ro"]),
        MountPoint("volume", "/s/v", "/a", subpath="part"),
        MountPoint("tmpfs", "", "/t"),
        MountPoint("bind", "/s/hidden", "/covered"),
        MountPoint("bind", "/s/own", "/etc/hosts", options=["bind"]),
    ]
    files = [("/c/hosts", "/etc/hosts", True), ("/c/hostname", "/etc/hostname", False)]
    assert planned(points, ["/covered/"], files) == [
        Bind("/s/v", "/a", "part"),
        Bind("/s/deep", "/a/b", writable=False, read_only_recursive=False),
        Bind("/s/own", "/etc/hosts", recursive=False),
        Bind("/c/hostname", "/etc/hostname", writable=False),
    ]
