from __future__ import annotations

from pathlib import Path

from engine.runtime.cgroup_of import ContainerCgroups, container_paths, find

ID = "a" * 64
V1 = f"""\
12:pids:/docker/{ID}
5:cpu,cpuacct:/docker/{ID}
3:memory:/docker/{ID}/inner
2:devices:/
1:name=systemd:/docker/{ID}
0::/system.slice/other
"""
SYSTEMD = f"0::/system.slice/docker-{ID}.scope/container/deeper\n"


def proc(folder: Path, text: str) -> str:
    """Make a /proc with the process 7 in it."""
    (folder / "proc" / "7").mkdir(parents=True)
    (folder / "proc" / "7" / "cgroup").write_text(text)
    return str(folder / "proc")


def test_a_path_ends_with_the_container_s_own_part() -> None:
    assert container_paths(SYSTEMD, ID) == {"": f"/system.slice/docker-{ID}.scope"}
    found = container_paths(V1, ID)
    assert found["memory"] == found["cpu"] == found["cpuacct"] == f"/docker/{ID}"
    assert "devices" not in found
    assert "" not in found


def test_each_v1_controller_has_a_folder(tmp_path: Path) -> None:
    found = find(7, ID, mount="/m", proc=proc(tmp_path, V1))
    assert found is not None
    assert not found.unified
    assert found.folder("cpuacct") == f"/m/cpuacct/docker/{ID}"
    assert found.folders["name=systemd"] == f"/m/systemd/docker/{ID}"
    assert found.folder("blkio") is None


def test_v2_has_one_folder_for_all(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("memory")
    found = find(7, ID, mount=str(tmp_path), proc=proc(tmp_path, SYSTEMD))
    assert found is not None
    assert found.unified
    assert found.folder("memory") == found.folder("io") == f"{tmp_path}/system.slice/docker-{ID}.scope"


def test_a_number_that_another_process_has_now_finds_nothing(tmp_path: Path) -> None:
    folder = proc(tmp_path, "3:memory:/docker/" + "b" * 64 + "\n")
    assert find(7, ID, proc=folder) is None
    assert find(8, ID, proc=folder) is None
    assert find(0, ID, proc=folder) is None


def test_processes_of_inner_groups_count(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "cgroup.procs").write_text("7\n8\n")
    (tmp_path / "inner" / "cgroup.procs").write_text("9\n")
    assert sorted(ContainerCgroups({"": str(tmp_path)}).processes()) == [7, 8, 9]
    assert sorted(ContainerCgroups({"memory": "/nowhere", "pids": str(tmp_path)}).processes()) == [7, 8, 9]
