"""stats of real containers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from tests.harness.docker_cli import Docker
from tests.harness.raw_http import send
from tests.integration.conftest import Skiff


@contextmanager
def stream(skiff: Skiff, name: str) -> Iterator[Iterator[bytes]]:
    """Ask for stats; gives the lines of the answer, head and chunk sizes included."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(30)
        connection.connect(skiff.server.url.removeprefix("unix://"))
        connection.sendall(f"GET /v1.51/containers/{name}/stats HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
        with connection.makefile("rb") as file:
            yield iter(file)


def samples(lines: Iterator[bytes], count: int) -> list[dict[str, Any]]:
    """Return the next samples of a stream."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        line = next(lines)
        if line.startswith(b"{"):
            found.append(json.loads(line))
    return found


def once(skiff: Skiff, name: str, query: str = "stream=0&one-shot=1") -> dict[str, Any]:
    answer = send(skiff.server.url, "GET", f"/v1.51/containers/{name}/stats?{query}")
    assert answer.status == 200
    found: dict[str, Any] = answer.json()
    return found


def test_a_stream_has_what_was_told_before(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "-d", "--name", "busy", "busybox", "sh", "-c", "while :; do :; done")
    with stream(skiff, "busy") as lines:
        first, second, third = samples(lines, 3)
    assert first["preread"] == "0001-01-01T00:00:00Z"
    assert (second["preread"], third["preread"]) == (first["read"], second["read"])
    assert third["precpu_stats"] == second["cpu_stats"]
    assert third["cpu_stats"]["cpu_usage"]["total_usage"] > first["cpu_stats"]["cpu_usage"]["total_usage"]
    assert datetime.fromisoformat(third["read"][:19]) > datetime.fromisoformat(first["read"][:19])


def test_numbers_are_the_kernel_s(docker: Docker, skiff: Skiff) -> None:
    script = "dd if=/dev/zero of=/dev/shm/x bs=1048576 count=20 2>/dev/null; echo ready; sleep 1000 & sleep 1000; true"
    docker.ok("run", "-d", "--name", "sized", "-m", "64m", "--pids-limit", "9", "busybox", "sh", "-c", script)
    follower = docker.start("logs", "-f", "sized")
    assert follower.stdout is not None
    assert follower.stdout.readline() == "ready\n"
    follower.kill()
    follower.communicate()
    docker.ok("exec", "sized", "sh", "-c", "until pidof sleep | grep -q ' '; do usleep 10000; done")
    found = once(skiff, "sized")
    assert found["memory_stats"]["limit"] == 64 << 20
    assert 20 << 20 <= found["memory_stats"]["usage"] <= 64 << 20
    assert found["pids_stats"] == {"current": 3, "limit": 9}
    assert found["cpu_stats"]["online_cpus"] >= 1
    before = found["networks"]["eth0"]["tx_packets"]
    docker.ok("exec", "sized", "sh", "-c", "ping -c 3 -i 0.1 $(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p')")
    assert once(skiff, "sized")["networks"]["eth0"]["tx_packets"] >= before + 3


def test_containers_without_a_network_of_their_own(docker: Docker, skiff: Skiff) -> None:
    for network in ("none", "host"):
        docker.ok("run", "-d", "--name", network, "--network", network, "busybox", "sleep", "1000")
        assert "networks" not in once(skiff, network)
    docker.ok("run", "-d", "--name", "donor", "busybox", "sleep", "1000")
    docker.ok("run", "-d", "--name", "guest", "--network", "container:donor", "busybox", "sleep", "1000")
    assert list(once(skiff, "guest")["networks"]) == ["eth0"]


def test_without_stream_it_looks_twice(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "-d", "--name", "twice", "busybox", "sleep", "1000")
    found = once(skiff, "twice", "stream=0")
    assert "0001" < found["preread"] < found["read"]
    assert found["precpu_stats"]["system_cpu_usage"] <= found["cpu_stats"]["system_cpu_usage"]


def test_a_stream_outlives_the_run_and_ends_with_the_container(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "-d", "--name", "short", "busybox", "sleep", "1000")
    with stream(skiff, "short") as lines:
        assert samples(lines, 1)[0]["pids_stats"] == {"current": 1}
        docker.ok("kill", "short")
        while samples(lines, 1)[0]["pids_stats"]:
            pass
        docker.ok("start", "short")
        while not samples(lines, 1)[0]["pids_stats"]:
            pass
        docker.ok("rm", "-f", "short")
        *_, last, end = list(_until_last_chunk(lines))
    assert last == b"0\r\n"
    assert end == b"\r\n"


def _until_last_chunk(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield line
        if line == b"0\r\n":
            yield next(lines)
            return


def test_the_head_does_not_wait_and_names_no_type(docker: Docker, skiff: Skiff) -> None:
    docker.ok("create", "--name", "idle", "busybox", "true")
    with stream(skiff, "idle") as lines:
        head = b"".join(iter(lambda: next(lines), b"\r\n")).decode().lower()
        assert head.startswith("http/1.1 200 ok")
        assert "content-type" not in head
        assert "transfer-encoding: chunked" in head
        assert samples(lines, 1)[0]["memory_stats"] == {}


def test_the_command_shows_them(docker: Docker) -> None:
    docker.ok("run", "-d", "--name", "shown", "-m", "64m", "busybox", "sleep", "1000")
    assert "64MiB" in docker.ok("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", "shown")
