"""Recognising cgroup layouts, from folders made like theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.runtime.cgroups import (
    CGROUPFS,
    HYBRID,
    SYSTEMD,
    V1,
    V2,
    CgroupLayout,
    HybridCgroupRefused,
    InvalidCgroupParent,
    detect,
    explain_runtime_error,
    remove_left,
)
from engine.runtime.support import read_support


def test_detect(tmp_path: Path) -> None:
    systemd = tmp_path / "systemd"
    mount = tmp_path / "cgroup"
    mount.mkdir()
    assert detect(str(mount), str(systemd)) == CgroupLayout(V1)
    (mount / "unified").mkdir()
    (mount / "unified/cgroup.controllers").write_text("hugetlb\n")
    assert detect(str(mount), str(systemd)) == CgroupLayout(HYBRID, CGROUPFS, "hugetlb")
    (mount / "cgroup.controllers").write_text("cpu memory\n")
    assert detect(str(mount), str(systemd)) == CgroupLayout(V2)
    systemd.mkdir()
    assert detect(str(mount), str(systemd)) == CgroupLayout(V2, SYSTEMD)


def test_parents() -> None:
    files, slices = CgroupLayout(V2), CgroupLayout(V2, SYSTEMD)
    assert files.container_path("ID", "mine") == "mine/ID"
    assert files.container_path("ID", "/../mine/") == "/mine/ID"
    assert files.container_path("ID", "../../mine") == "mine/ID"
    assert slices.container_path("ID", "mine.slice") == "mine.slice:docker:ID"
    for parent in ("mine", ".slice"):
        with pytest.raises(InvalidCgroupParent):
            slices.container_path("ID", parent)


def test_hybrid_refusal_says_what_to_do() -> None:
    layout = CgroupLayout(HYBRID, unified_controllers="hugetlb")
    error = explain_runtime_error("cgroups in hybrid mode not supported, drop all controllers from cgroupv2", layout)
    assert isinstance(error, HybridCgroupRefused)
    assert "mount -t cgroup -o hugetlb" in str(error)
    assert "\n" not in str(error)
    assert explain_runtime_error("executable file not found", layout) is None


def test_support_of_version_1_is_by_files(tmp_path: Path) -> None:
    for name in ("memory/memory.limit_in_bytes", "cpuset/cpuset.cpus", "cpu/cpu.shares"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("0-1\n")
    found = read_support(CgroupLayout(V1), str(tmp_path))
    assert (found.memory, found.cpuset, found.cpu_shares) == (True, True, True)
    assert (found.swap, found.pids, found.block_weight, found.cpu_realtime) == (False, False, False, False)
    assert found.cpus == "0-1"


def test_support_of_version_2_is_by_controllers(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("memory io\n")
    found = read_support(CgroupLayout(V2), str(tmp_path))
    assert (found.memory, found.reservation, found.block_weight) == (True, True, True)
    assert (found.cpu_shares, found.cpuset, found.pids, found.oom_kill_disable) == (False, False, False, False)


def test_what_a_failed_runtime_left_goes(tmp_path: Path) -> None:
    for controller in ("pids", "memory"):
        (tmp_path / controller / "docker" / "ID").mkdir(parents=True)
    (tmp_path / "memory" / "docker" / "ID" / "busy").mkdir()
    remove_left(CgroupLayout(HYBRID, CGROUPFS), "/docker/ID", str(tmp_path))
    assert [path.name for path in tmp_path.rglob("ID")] == ["ID"]
    remove_left(CgroupLayout(V2), "docker/ID", str(tmp_path))
