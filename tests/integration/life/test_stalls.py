"""Reads are answered while a verb works on the same container."""

from __future__ import annotations

import subprocess
import threading
import time

from tests.harness.raw_http import send
from tests.integration.conftest import Skiff


def test_reads_are_answered_while_a_stop_waits(skiff: Skiff) -> None:
    docker, url = skiff.docker, skiff.server.url
    docker.ok("run", "-d", "--name", "deaf", "busybox", "sleep", "1000")
    stop = docker.start("stop", "-t", "10", "deaf")
    deadline = time.monotonic() + 5
    while b"kill" not in send(url, "GET", f"/events?since=0&until={time.time():.9f}").body.rpartition(b"start")[2]:
        assert time.monotonic() < deadline
    for target in ("json", "deaf/json", "deaf/logs?stdout=1", "deaf/top"):
        assert send(url, "GET", f"/containers/{target}").status == 200
    assert send(url, "POST", "/containers/deaf/rename?name=still-deaf").status == 204
    assert stop.poll() is None, "the stop was to take ten seconds, and what was asked meanwhile should not"
    docker.ok("kill", "still-deaf")
    stop.communicate(timeout=20)


def test_reads_are_answered_while_an_image_comes_in(skiff: Skiff) -> None:
    """A load that never ends: its sender keeps the rest to itself."""
    docker, url = skiff.docker, skiff.server.url
    docker.ok("run", "-d", "--name", "runs", "busybox", "sleep", "1000")
    pipe = subprocess.PIPE
    load = subprocess.Popen([docker.program, "load"], stdin=pipe, stdout=pipe, env=docker.environment)
    assert load.stdin is not None
    load.stdin.write(b"\0" * 512)
    load.stdin.flush()
    done = threading.Event()

    def ask() -> None:
        for target in ("/containers/json", "/containers/runs/json", "/images/json", "/images/busybox/json"):
            assert send(url, "GET", target).status == 200
        done.set()

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(20)
    assert done.is_set()
    assert load.poll() is None
    load.stdin.close()
    load.wait(20)
