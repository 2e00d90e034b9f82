"""update of real containers: what the kernel is told at once, and what the next start goes by."""

from __future__ import annotations

import json
from pathlib import Path

from engine.runtime.cgroup_of import find
from tests.harness.docker_cli import Docker
from tests.harness.raw_http import Answer, send
from tests.integration.conftest import Skiff

MB = 1 << 20


def limits(docker: Docker, name: str) -> dict[str, str]:
    """Return what a container's cgroup says, by the controllers' files of either version."""
    container_id, pid = docker.ok("inspect", "-f", "{{.Id}} {{.State.Pid}}", name).split()
    groups = find(int(pid), container_id)
    assert groups is not None
    names = {
        "memory": ("memory", "memory.max" if groups.unified else "memory.limit_in_bytes"),
        "reservation": ("memory", "memory.low" if groups.unified else "memory.soft_limit_in_bytes"),
        "pids": ("pids", "pids.max"),
        "quota": ("cpu", "cpu.max" if groups.unified else "cpu.cfs_quota_us"),
        "cpus": ("cpuset", "cpuset.cpus"),
    }
    return {key: Path(f"{groups.folder(name)}/{file}").read_text().split()[0] for key, (name, file) in names.items()}


def update(skiff: Skiff, name: str, **body: object) -> Answer:
    data = json.dumps(body).encode()
    return send(skiff.server.url, "POST", f"/containers/{name}/update", data, kind="application/json")


def test_a_running_container_is_limited_at_once_and_again_at_its_next_start(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "-d", "--name", "busy", "busybox", "sleep", "1000")
    answer = update(
        skiff,
        "busy",
        Memory=64 * MB,
        MemorySwap=128 * MB,
        MemoryReservation=32 * MB,
        PidsLimit=50,
        CpuQuota=50000,
        CpusetCpus="0",
    )
    assert (answer.status, answer.json()) == (200, {"Warnings": None})
    expected = {
        "memory": str(64 * MB),
        "reservation": str(32 * MB),
        "pids": "50",
        "quota": "50000",
        "cpus": "0",
    }
    assert limits(docker, "busy") == expected
    docker.ok("restart", "-t", "0", "busy")
    assert limits(docker, "busy") == expected


def test_limits_move_up_and_down(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "-d", "--name", "moving", "-m", "64m", "busybox", "sleep", "1000")
    for size in (256, 32, 128):
        assert update(skiff, "moving", Memory=size * MB, MemorySwap=2 * size * MB).status == 200
        assert limits(docker, "moving")["memory"] == str(size * MB)
    answer = update(skiff, "moving", Memory=512 * MB)
    assert answer.status == 409
    assert "Memory limit should be smaller than already set memoryswap limit" in answer.message
    assert limits(docker, "moving")["memory"] == str(128 * MB)
    assert docker.ok("inspect", "-f", "{{.HostConfig.Memory}}", "moving") == f"{128 * MB}\n"


def test_the_limit_on_processes_is_lifted(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "-d", "--name", "many", "--pids-limit", "20", "busybox", "sleep", "1000")
    assert limits(docker, "many")["pids"] == "20"
    assert update(skiff, "many", PidsLimit=-1).status == 200
    assert limits(docker, "many")["pids"] == "max"
    docker.ok("restart", "-t", "0", "many")
    assert limits(docker, "many")["pids"] == "max"


def test_a_stopped_container_has_them_when_it_starts(docker: Docker, skiff: Skiff) -> None:
    docker.ok("create", "--name", "later", "busybox", "sleep", "1000")
    docker.ok("update", "--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5", "later")
    docker.ok("start", "later")
    assert (limits(docker, "later")["memory"], limits(docker, "later")["quota"]) == (str(64 * MB), "50000")


def test_a_restart_policy_counts_for_the_run_that_is_going_on(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "-d", "--name", "again", "busybox", "sleep", "1000")
    assert update(skiff, "again", RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 2}).status == 200
    found = docker.ok("inspect", "-f", "{{json .HostConfig.RestartPolicy}}", "again")
    assert json.loads(found) == {"Name": "on-failure", "MaximumRetryCount": 2}


def test_paused_containers_are_limited_too(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "-d", "--name", "frozen", "busybox", "sleep", "1000")
    docker.ok("pause", "frozen")
    assert update(skiff, "frozen", PidsLimit=30).status == 200
    assert limits(docker, "frozen")["pids"] == "30"
    docker.ok("kill", "frozen")  # which a process in a frozen cgroup of v1 would not notice
    assert docker.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "frozen") == "exited 137\n"
