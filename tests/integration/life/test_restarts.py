"""Restarts whose monitor or exit command is killed, and what a boot brings back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from engine import Engine, Settings
from engine.containers import stop
from engine.state.database import Database
from tests.harness import leftovers, processes
from tests.harness.docker_cli import Docker
from tests.harness.raw_http import send
from tests.integration.conftest import Skiff

PATIENCE = 20.0


def state(docker: Docker, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker.ok("inspect", "-f", "{{json .}}", name))
    return {**found["State"], "RestartCount": found["RestartCount"]}


def until(docker: Docker, name: str, look: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until inspect tells what is wanted; returns it."""
    end = time.monotonic() + PATIENCE
    while not look(found := state(docker, name)):
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def ours(skiff: Skiff, text: str) -> list[int]:
    return [each.pid for each in processes.mentioning(f"{skiff.home}/") if text in each.line]


def test_a_killed_monitor_is_a_failure_that_is_restarted(skiff: Skiff) -> None:
    docker = skiff.docker
    docker.ok("run", "-d", "--name", "again", "--restart", "always", "busybox", "sleep", "1000")
    (monitor,) = ours(skiff, "conmon")
    os.kill(monitor, signal.SIGKILL)
    assert processes.wait_for_end(monitor, PATIENCE)
    skiff.server.kill_servers()
    found = until(docker, "again", lambda each: each["Status"] == "running" and each["RestartCount"] == 1)
    assert found["Pid"] > 0


def test_a_restart_whose_container_somebody_else_starts_meanwhile(
    skiff: Skiff, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = skiff.docker
    docker.ok("run", "-d", "--name", "again", "busybox", "sleep", "1000")
    engine = Engine(Settings(root=skiff.server.root, run_root=skiff.server.run_root))
    end = stop.end

    def ended(*arguments: Any) -> None:
        end(*arguments)
        docker.ok("start", "again")

    monkeypatch.setattr(stop, "end", ended)
    before = state(docker, "again")["Pid"]
    engine.containers.restart("again", timeout=0)
    assert state(docker, "again")["Pid"] not in (0, before)


def test_between_two_runs_there_is_no_terminal_to_resize(skiff: Skiff) -> None:
    docker = skiff.docker
    docker.ok("run", "-d", "-t", "--name", "again", "--restart", "always", "busybox", "sh", "-c", "exit 3")
    found = until(docker, "again", lambda each: each["Status"] == "restarting" and each["RestartCount"] >= 5)
    assert found["Running"]
    answer = send(skiff.server.url, "POST", "/containers/again/resize?h=10&w=20")
    container_id = docker.ok("inspect", "-f", "{{.Id}}", "again").strip()
    words = f'NotFound: container "{container_id}" in namespace "moby": not found'
    assert (answer.status, json.loads(answer.body)) == (404, {"message": words})


def test_a_killed_exit_command_is_replaced_when_an_engine_starts(skiff: Skiff) -> None:
    docker = skiff.docker
    docker.ok("run", "-d", "--name", "again", "--restart", "always", "busybox", "sh", "-c", "exit 3")
    until(docker, "again", lambda each: each["Status"] == "restarting" and each["RestartCount"] >= 5)
    end = time.monotonic() + PATIENCE
    while not (waiting := ours(skiff, "monitor_exit.py")):
        assert time.monotonic() < end
    for pid in waiting:
        os.kill(pid, signal.SIGKILL)
        assert processes.wait_for_end(pid, PATIENCE)
    skiff.server.kill_servers()
    until(docker, "again", lambda each: each["RestartCount"] >= 6)


def test_a_long_back_off_is_waited_out_with_little_in_memory(skiff: Skiff) -> None:
    docker = skiff.docker
    docker.ok("run", "-d", "--name", "again", "--restart", "always", "busybox", "sh", "-c", "exit 3")
    until(docker, "again", lambda each: each["Status"] == "restarting" and each["RestartCount"] >= 5)
    end = time.monotonic() + PATIENCE
    while not (found := ours(skiff, " restart ")):
        assert time.monotonic() < end
    with open(f"/proc/{found[0]}/maps", encoding="utf-8") as maps:
        assert "_sqlite3" not in maps.read()


def simulate_boot(skiff: Skiff) -> None:
    """End everything at once and take away what a boot takes away."""
    server = skiff.server
    server.stop()
    leftovers.take_away(server.root, server.run_root)
    shutil.rmtree(server.run_root)
    database = Database(server.root / "state.db", server.run_root / "changed")
    with database.transaction() as tx:
        tx.execute("UPDATE containers SET boot_id = 'another' WHERE boot_id != ''")
    database.close()
    server.start()


def cli(skiff: Skiff, verb: str) -> list[str]:
    """Run a command of skiff; returns the lines that it prints, in their order."""
    folders = ["--root", str(skiff.server.root), "--run-root", str(skiff.server.run_root)]
    done = subprocess.run(
        [sys.executable, "-m", "compat_api.cli", verb, *folders], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return sorted(done.stdout.splitlines())


def test_a_boot_brings_back_what_dockerd_would(own_skiff: Callable[..., Skiff]) -> None:
    skiff = own_skiff()
    docker = skiff.docker
    for name, policy, stopped in (
        ("always", "always", ""), ("always-stopped", "always", "stop"), ("unless", "unless-stopped", ""),
        ("unless-stopped", "unless-stopped", "stop"), ("no", "no", ""), ("failing", "on-failure", ""),
        ("never-started", "always", "create"),
    ):  # fmt: skip
        verb = ("create",) if stopped == "create" else ("run", "-d")
        docker.ok(*verb, "--name", name, f"--restart={policy}", "busybox", "sleep", "1000")
        if stopped == "stop":
            docker.ok("stop", "-t", "0", name)
    docker.ok("run", "-d", "--rm", "--name", "removed", "busybox", "sleep", "1000")
    docker.ok(
        "run", "-d", "--name", "joined", "--network=container:always", "--restart=always", "busybox", "sleep", "9"
    )
    simulate_boot(skiff)
    wanted = ["always", "always-stopped", "failing", "joined", "unless"]
    assert cli(skiff, "restore") == [f"started {name}" for name in wanted]
    assert sorted(docker.ok("ps", "--format", "{{.Names}}").split()) == wanted
    assert sorted(docker.ok("ps", "-a", "--format", "{{.Names}}").split()) == sorted(
        [*wanted, "unless-stopped", "no", "never-started"]
    )
    assert state(docker, "no")["ExitCode"] == 255
    assert cli(skiff, "restore") == []
    docker.ok("stop", "-t", "0", "always")
    assert cli(skiff, "restore") == []


def test_a_stop_by_shutdown_is_not_a_users(own_skiff: Callable[..., Skiff]) -> None:
    skiff = own_skiff()
    docker = skiff.docker
    docker.ok(
        "run", "-d", "--name", "unless", "--restart=unless-stopped", "--stop-timeout=0", "busybox", "sleep", "1000"
    )
    docker.ok("run", "-d", "--name", "plain", "--stop-timeout=0", "busybox", "sleep", "1000")
    assert cli(skiff, "shutdown") == ["stopped plain", "stopped unless"]
    assert state(docker, "unless")["Status"] == "exited"
    simulate_boot(skiff)
    assert cli(skiff, "restore") == ["started unless"]
    assert state(docker, "plain")["ExitCode"] == 137
