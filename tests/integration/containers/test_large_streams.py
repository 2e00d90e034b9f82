"""Streams that are larger than what is kept of them: complete, and bounded in memory whoever reads slowly.

SKIFF_TEST_MIB asks for larger ones, SKIFF_TEST_RUNS for more containers.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conformance.session import UPGRADE
from tests.conformance.wire import Exchange
from tests.harness.docker_cli import Docker
from tests.integration.conftest import Skiff

MIB = int(os.environ.get("SKIFF_TEST_MIB", "12"))
RUNS = int(os.environ.get("SKIFF_TEST_RUNS", "24"))
MUCH = 8 << 20  # bytes more in memory than before, from which on something is not bounded


def resident(skiff: Skiff) -> int:
    pages = (Path(f"/proc/{each.pid}/statm").read_text().split()[1] for each in skiff.server.servers())
    return 4096 * sum(map(int, pages))


def test_a_large_input_comes_back_unchanged(docker: Docker) -> None:
    block = os.urandom(1 << 20)
    command = [docker.program, "run", "-i", "--rm", "--network", "none", "busybox", "cat"]
    with (
        ThreadPoolExecutor(1) as threads,
        subprocess.Popen(command, env=docker.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        back = threads.submit(hashlib.file_digest, process.stdout, "sha256")
        sent = hashlib.sha256()
        for number in range(MIB):
            piece = number.to_bytes(8, "big") + block[8:]
            sent.update(piece)
            process.stdin.write(piece)
        process.stdin.close()
        assert back.result().digest() == sent.digest()


def test_the_output_of_short_containers_is_complete(docker: Docker) -> None:
    expected = "".join(f"{number}\n" for number in range(1, 301))

    def one(number: int) -> tuple[str, str]:
        script = f"echo {number} >&2; seq 1 300"
        done = docker("run", "--rm", "--network", "none", "busybox", "sh", "-c", script)
        return done.stdout, done.stderr

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(one, range(RUNS)))
    assert found == [(expected, f"{number}\n") for number in range(RUNS)]


@pytest.mark.parametrize("what", ["attach", "logs"])
def test_who_reads_slowly_costs_no_memory(skiff: Skiff, docker: Docker, what: str) -> None:
    script = f"yes 'a line that is as long as lines are, more or less' | head -c {MIB << 20}"
    docker.ok("create", "--name", "talks", "--network", "none", "busybox", "sh", "-c", script)
    if what == "logs":
        docker.ok("start", "-a", "talks")
        exchange = Exchange(skiff.server.socket, "GET", "/v1.51/containers/talks/logs?stdout=1", None, {})
    else:
        target = "/v1.51/containers/talks/attach?stream=1&stdout=1"
        exchange = Exchange(skiff.server.socket, "POST", target, None, UPGRADE)
    exchange.read_head()
    before = resident(skiff)
    if what == "attach":
        docker.ok("start", "talks")
    exchange.read_until(b"a line")
    most = 0
    for _ in range(20):  # meanwhile it waits for us
        most = max(most, resident(skiff))
        time.sleep(0.02)
    assert most - before < MUCH
    data = exchange.finish()
    assert sum(map(len, unframed(data))) == MIB << 20


def unframed(data: bytes) -> list[memoryview]:
    """Return what is in the frames."""
    view, at, found = memoryview(data), 0, []
    while at < len(view):
        size = int.from_bytes(view[at + 4 : at + 8], "big")
        found.append(view[at + 8 : at + 8 + size])
        at += 8 + size
    return found


def test_heads_come_before_there_is_anything_to_send(skiff: Skiff, docker: Docker) -> None:
    docker.ok("run", "-d", "--name", "silent", "--network", "none", "busybox", "sleep", "1000")
    for method, target in (
        ("GET", "/containers/silent/logs?stdout=1&follow=1"),
        ("POST", "/containers/silent/wait"),
        ("GET", "/events"),
        ("POST", "/containers/silent/attach?stream=1&stdout=1"),
    ):
        exchange = Exchange(skiff.server.socket, method, f"/v1.51{target}", None, {})
        assert exchange.read_head().status == 200
        with pytest.raises(TimeoutError):
            exchange.wait_for_more(0.05)
        exchange.close()
