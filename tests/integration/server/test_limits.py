"""Limits of the server's process: its open files, and what containers have of that."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Skiff

SOFT = 700


@pytest.fixture
def limited(own_skiff: Callable[..., Skiff]) -> Skiff:
    """An engine whose servers are started with a low soft limit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, before[1]))
    try:
        return own_skiff()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_server_opens_as_many_files_as_it_may_and_containers_as_many_as_before(limited: Skiff) -> None:
    docker = limited.docker
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    docker.ok("ps")
    (server,) = limited.server.servers()
    lines = Path(f"/proc/{server.pid}/limits").read_text().splitlines()
    (files,) = [line.split()[3:5] for line in lines if line.startswith("Max open files")]
    assert files == [str(min(hard, 1 << 20)), str(hard)]

    limits = "ulimit -Sn; ulimit -Hn"
    ends_twice = f"{limits}; test -e /again || {{ touch /again; exit 1; }}; sleep 1000"
    docker.ok("run", "-d", "--name", "again", "--restart", "on-failure", "busybox", "sh", "-c", ends_twice)
    while docker.ok("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "again").strip() != "1 running":
        pass
    assert docker.ok("exec", "again", "sh", "-c", limits).split() == [str(SOFT), str(hard)]
    assert docker.ok("logs", "again").split() == [str(SOFT), str(hard)] * 2
    asked = ["run", "--rm", "--ulimit", "nofile=300:400", "busybox", "sh", "-c", limits]
    assert docker.ok(*asked).split() == ["300", "400"]
