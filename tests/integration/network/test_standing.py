"""What somebody took away of networks is there again when the next call is answered, whatever it asks."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from engine.network import nftables
from tests.harness.processes import wait_for_end
from tests.integration.conftest import Skiff
from tests.integration.network.test_kills import engine_of

PATIENCE = 10.0


class Standing:
    """An engine with a container that publishes a port and has a name, and what both stand on."""

    def __init__(self, skiff: Skiff) -> None:
        self.skiff, self.docker = skiff, skiff.docker
        self.docker.ok("network", "create", "one")
        self.docker.ok("run", "-d", "--name", "web", "--network", "one", "-p", "80", "busybox", "httpd", "-f")
        engine = engine_of(skiff)
        self.table = engine.networks.table
        self.bridge = engine.networks.resolve("one").definition.bridge
        engine.database.close()
        self.attendant = skiff.server.run_root / "attendant.pid"

    @property
    def answers(self) -> bool:
        """Whether the port leads to the container."""
        port = self.docker.ok("inspect", "web", "--format", '{{(index .NetworkSettings.Ports "80/tcp" 0).HostPort}}')
        url = f"http://127.0.0.1:{port.strip()}/"
        done = subprocess.run(["curl", "-s", "-m", "3", "-o", "/dev/null", url], check=False)
        return done.returncode == 0


def delete_table(standing: Standing) -> None:
    nftables.run(f"delete table inet {standing.table}")


def flush_table(standing: Standing) -> None:
    nftables.run(f"flush table inet {standing.table}")


def delete_bridge(standing: Standing) -> None:
    subprocess.run(["ip", "link", "delete", standing.bridge], check=True)


def switch_bridge_off(standing: Standing) -> None:
    subprocess.run(["ip", "link", "set", standing.bridge, "down"], check=True)


def kill_attendant(standing: Standing) -> None:
    pid = int(standing.attendant.read_text())
    os.kill(pid, signal.SIGKILL)
    wait_for_end(pid, PATIENCE)


CHANGES = [delete_table, flush_table, delete_bridge, switch_bridge_off, kill_attendant]


@pytest.mark.parametrize("server", ["that is there", "that starts"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_next_call_mends_what_was_taken_away(
    own_skiff: Callable[..., Skiff], change: Callable[[Standing], None], server: str
) -> None:
    standing = Standing(own_skiff())
    assert standing.answers
    if server == "that starts":
        standing.skiff.server.kill_servers()
    change(standing)
    standing.docker.ok("ps")
    if change is kill_attendant:
        assert standing.attendant.exists()
        assert wait_for_end(int(standing.attendant.read_text()), 0) is False
        assert standing.docker("exec", "web", "nslookup", "-type=a", "web").returncode == 0
    assert standing.answers
