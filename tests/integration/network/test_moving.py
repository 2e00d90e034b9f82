"""Running containers that change networks, through the docker command."""

from __future__ import annotations

import os
from collections.abc import Callable

from engine import locks
from engine.containers import folders
from tests.harness.docker_cli import Docker
from tests.integration.conftest import Skiff
from tests.integration.network.test_kills import engine_of, names

FOREIGN = "example.org"


def answered(docker: Docker, name: str) -> bool:
    """Tell whether a container's question for a name of the world is answered, be it that nobody knows it."""
    return "SERVFAIL" in docker("exec", name, "nslookup", "-type=a", FOREIGN).stdout


def test_a_container_that_leaves_a_network_with_names_is_answered_on(own_skiff: Callable[..., Skiff]) -> None:
    docker = own_skiff().docker
    docker.ok("network", "create", "one")
    # Nothing listens there, so the answer is a failure, and it comes at once.
    docker.ok("run", "-d", "--name", "moved", "--network", "one", "--dns", "127.0.0.1", "busybox", "sleep", "1000")
    docker.ok("network", "connect", "bridge", "moved")
    assert answered(docker, "moved")
    docker.ok("network", "disconnect", "one", "moved")
    assert answered(docker, "moved")
    assert not names(docker, "moved", "moved")
    docker.ok("network", "disconnect", "bridge", "moved")
    docker.ok("network", "connect", "bridge", "moved")
    assert answered(docker, "moved")
    docker.ok("network", "connect", "one", "moved")
    assert answered(docker, "moved")
    assert names(docker, "moved", "moved")


def test_a_container_that_never_was_in_such_a_network_asks_nobody_here(own_skiff: Callable[..., Skiff]) -> None:
    skiff = own_skiff()
    skiff.docker.ok("run", "-d", "--name", "plain", "busybox", "sleep", "1000")
    skiff.docker.ok("network", "disconnect", "bridge", "plain")
    skiff.docker.ok("network", "connect", "bridge", "plain")
    assert "127.0.0.11" not in skiff.docker.ok("exec", "plain", "cat", "/etc/resolv.conf")
    assert not os.path.exists(skiff.server.run_root / "attendant")


def test_an_interface_is_silent_when_disconnect_returns_and_gone_soon_after(own_skiff: Callable[..., Skiff]) -> None:
    docker = own_skiff().docker
    for name in ("one", "two"):
        docker.ok("network", "create", name)
    docker.ok("run", "-d", "--name", "moved", "--network", "one", "busybox", "sleep", "1000")
    for _ in range(5):  # the next interface has the name of the one that the kernel is about to remove
        docker.ok("network", "connect", "two", "moved")
        assert "eth1" in docker.ok("exec", "moved", "ip", "route")
        docker.ok("network", "disconnect", "two", "moved")
        assert "eth1" not in docker.ok("exec", "moved", "ip", "route")


def test_what_another_process_was_at_work_on_is_mended_by_the_call_after(own_skiff: Callable[..., Skiff]) -> None:
    skiff = own_skiff()
    skiff.docker.ok("create", "--name", "made", "busybox")
    skiff.server.kill_servers()
    engine = engine_of(skiff)
    try:
        container_id = engine.database.rows("SELECT id FROM containers")[0]["id"]

        def intent() -> str:
            return str(engine.database.rows("SELECT intent FROM containers")[0]["intent"])

        with engine.database.transaction() as tx:
            tx.execute("UPDATE containers SET intent = 'start'")
        with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
            skiff.docker.ok("ps", "-a")
            skiff.docker.ok("version")
            assert intent() == "start", "it is left to who holds its lock"
        skiff.docker.ok("version")
        assert intent() == ""
    finally:
        engine.database.close()
