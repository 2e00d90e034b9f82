"""`skiff check` says in words what is damaged, whatever it is, and `--repair` mends that."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from engine import Engine, Settings
from tests.harness import leftovers, processes
from tests.integration.conftest import Skiff

PATIENCE = 20.0
SUM = re.compile(r"\b[0-9a-f]{12,64}\b")


def check(skiff: Skiff, *options: str) -> tuple[int, list[str]]:
    folders = ["--root", str(skiff.server.root), "--run-root", str(skiff.server.run_root)]
    line = [sys.executable, "-m", "compat_api.cli", "check", *folders, *options]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


def kill(skiff: Skiff, text: str) -> None:
    (pid,) = (each.pid for each in processes.mentioning(f"{skiff.home}/") if text in each.line)
    os.kill(pid, signal.SIGKILL)
    assert processes.wait_for_end(pid, PATIENCE)


def networks(skiff: Skiff) -> tuple[str, str]:
    """Return the names of the user-defined network's bridge and of the firewall's table."""
    engine = Engine(Settings(root=skiff.server.root, run_root=skiff.server.run_root))
    return engine.networks.resolve("net").definition.bridge, engine.networks.table


def remove_bridge(skiff: Skiff) -> None:
    subprocess.run(["ip", "link", "delete", networks(skiff)[0]], check=True)


def remove_table(skiff: Skiff) -> None:
    subprocess.run(["nft", "delete", "table", "inet", networks(skiff)[1]], check=True)


def make_folder(skiff: Skiff) -> None:
    (skiff.server.root / "containers" / ("0" * 64)).mkdir()


def bind_namespace(skiff: Skiff) -> None:
    path = skiff.server.run_root / "netns" / "000000000000"
    path.touch()
    subprocess.run(["mount", "--bind", "/proc/self/ns/net", path], check=True)


DAMAGE: dict[str, tuple[Callable[[Skiff], None], str]] = {
    "monitor": (lambda skiff: kill(skiff, "bin/conmon"), "container works (ID): its monitor is gone"),
    "health": (lambda skiff: kill(skiff, "health_monitor"), "container works (ID): nobody checks its health"),
    "log": (lambda skiff: kill(skiff, "log_keeper"), "container works (ID): nobody rotates its log"),
    "bridge": (remove_bridge, "network net: its bridge BRIDGE is gone"),
    "table": (remove_table, "the firewall's table TABLE is gone: published ports lead nowhere"),
    "attendant": (
        lambda skiff: kill(skiff, "attendant/__main__"),
        "nothing answers containers' questions for names and relays their IPv6 ports",
    ),
    "folder": (make_folder, f"ROOT/containers/{'0' * 64}: the folder's container is gone"),
    "namespace": (bind_namespace, "namespace 000000000000: its container does not run"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_told_and_mended(own_skiff: Callable[..., Skiff], kind: str) -> None:
    skiff = own_skiff(idle_timeout=0.1)
    docker = skiff.docker
    docker.ok("network", "create", "net")
    options = ["--network", "net", "-p", "80", "--health-cmd", "true", "--log-opt", "max-size=1m"]
    options += ["--log-opt", "max-file=2"]
    docker.ok("run", "-d", "--name", "works", *options, "busybox", "sleep", "1000")
    container_id = docker.ok("inspect", "-f", "{{.Id}}", "works").strip()
    bridge, table = networks(skiff)
    skiff.server.wait_until_idle()
    before = check(skiff)
    damage, words = DAMAGE[kind]
    damage(skiff)
    words = words.replace("(ID)", f"({container_id[:12]})").replace("BRIDGE", bridge).replace("TABLE", table)
    words = words.replace("ROOT", str(skiff.server.root))
    _, told = check(skiff)
    assert [line for line in told if words in line], told
    check(skiff, "--repair")
    deadline = time.monotonic() + PATIENCE
    while (found := check(skiff)) != before:  # what was started anew takes a moment to be there
        assert time.monotonic() < deadline, found
    if kind != "monitor":
        assert docker.ok("exec", "works", "echo", "answered").strip() == "answered"
    docker.ok("rm", "-f", "works")
    docker.ok("network", "rm", "net")
    assert leftovers.namespaces(skiff.server.run_root) == []
