"""Health checks by real containers: what dockerd's answers cannot show, above all what killed processes do."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from engine.state.database import Database
from tests.harness import processes
from tests.harness.docker_cli import Docker
from tests.harness.raw_http import send
from tests.integration.conftest import Skiff

PATIENCE = 20.0


def health(docker: Docker, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker.ok("inspect", "-f", "{{json .State.Health}}", name))
    return found


def until(docker: Docker, name: str, wanted: str) -> dict[str, Any]:
    """Wait for a health; returns what inspect tells then."""
    end = time.monotonic() + PATIENCE
    while (found := health(docker, name))["Status"] != wanted:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def monitors_of(skiff: Skiff) -> list[int]:
    """Return the pids of the health monitors of an engine."""
    return [each.pid for each in processes.mentioning(f"{skiff.home}/") if "health_monitor.py" in each.line]


def run(docker: Docker, test: str, *options: str) -> str:
    """Start a checked container; returns its id."""
    return docker.ok(
        "run", "-d", "--name", "checked", f"--health-cmd={test}", *options, "busybox", "sleep", "1000"
    ).strip()


def test_one_process_watches_and_ends_with_the_container(skiff: Skiff) -> None:
    docker = skiff.docker
    run(docker, "true", "--health-interval=200ms")
    until(docker, "checked", "healthy")
    assert len(monitors_of(skiff)) == 1
    assert docker.ok("ps", "--format", "{{.Status}}").endswith("(healthy)\n")
    docker.ok("kill", "checked")
    (monitor, *_), deadline = [*monitors_of(skiff), 0], PATIENCE
    assert not monitor or processes.wait_for_end(monitor, deadline)
    assert health(docker, "checked")["Status"] == "unhealthy"


def test_a_killed_monitor_is_replaced_when_an_engine_starts(skiff: Skiff) -> None:
    docker = skiff.docker
    run(docker, "echo $$ >>/pids; sleep 1000", "--health-interval=200ms", "--health-timeout=1h")
    end = time.monotonic() + PATIENCE
    while docker("exec", "checked", "cat", "/pids").returncode != 0:
        assert time.monotonic() < end
    (monitor,) = monitors_of(skiff)
    os.kill(monitor, signal.SIGKILL)
    assert processes.wait_for_end(monitor, PATIENCE)
    skiff.server.kill_servers()
    assert docker.ok("ps", "-q")
    (other,) = monitors_of(skiff)
    assert other != monitor
    while len(docker.ok("exec", "checked", "cat", "/pids").split()) < 2:
        assert time.monotonic() < end
    first, second = docker.ok("exec", "checked", "cat", "/pids").split()
    alive = docker.ok("exec", "checked", "ps", "-o", "pid")
    assert second in alive.split()
    assert first not in alive.split(), "the killed monitor's probe goes on"


def test_a_timeout_kills_all_that_the_probe_started(skiff: Skiff) -> None:
    docker = skiff.docker
    line = "(sleep 1001 & sleep 1002) & sh -c 'sleep 1003 & exec sleep 1004'"
    run(docker, line, "--health-interval=2s", "--health-timeout=500ms", "--health-retries=1")
    until(docker, "checked", "unhealthy")
    listed = docker.ok("top", "checked", "-eo", "pid,args")
    assert "sleep 1000" in listed
    assert not [number for number in ("1001", "1002", "1003", "1004") if number in listed], listed


def test_probes_leave_no_sessions_without_end(skiff: Skiff) -> None:
    docker = skiff.docker
    container = run(docker, "true", "--health-interval=50ms")
    end = time.monotonic() + PATIENCE
    database = Database(skiff.server.root / "state.db", skiff.server.run_root / "changed")
    count = "SELECT count(*) AS number FROM exec_sessions WHERE container_id = ?"
    while database.rows(count, (container,))[0]["number"] < 3:
        assert time.monotonic() < end
    with database.transaction() as tx:  # as if ten minutes had gone by
        tx.execute("UPDATE exec_sessions SET finished = 1 WHERE status = 'exited'")
    old = time.time_ns()
    while database.rows(count + " AND created < ? AND status = 'exited'", (container, old))[0]["number"] > 1:
        assert time.monotonic() < end
    assert len(health(docker, "checked")["Log"]) <= 5


def test_waiting_for_health(skiff: Skiff) -> None:
    docker, url = skiff.docker, skiff.server.url
    run(docker, "test -e /ready", "--health-interval=100ms", "--health-retries=1000")
    waiter = docker.start("exec", "checked", "sh", "-c", "sleep 0.3; touch /ready")
    answer = send(url, "POST", "/containers/checked/wait?condition=healthy")
    assert (answer.status, answer.json()) == (200, {"StatusCode": 0})
    assert health(docker, "checked")["Status"] == "healthy"
    waiter.communicate(timeout=PATIENCE)
    docker.ok("run", "-d", "--name", "plain", "busybox", "sleep", "1000")
    answer = send(url, "POST", "/containers/plain/wait?condition=healthy")
    assert (answer.status, answer.json()) == (409, {"message": "container plain has no health check"})
    docker.ok("run", "-d", "--name", "dying", "--health-cmd=false", "busybox", "sleep", "0.3")
    answer = send(url, "POST", "/containers/dying/wait?condition=healthy")
    assert answer.json()["Error"] == {"Message": "the container ended before it was healthy"}


def test_the_monitor_is_small(skiff: Skiff) -> None:
    """By what it has loaded, since bytes vary with the machine: make bench measures those."""
    docker = skiff.docker
    run(docker, "true", "--health-interval=100ms")
    until(docker, "checked", "healthy")
    (monitor,) = monitors_of(skiff)
    mapped = Path(f"/proc/{monitor}/maps").read_text()
    assert "_json" not in mapped
    assert "_ctypes" not in mapped
    assert "_ssl" not in mapped
