"""A container that takes more memory than it may: the kernel kills, and inspect and the events tell of it."""

from __future__ import annotations

import json
import time

import pytest

from tests.harness.raw_http import send
from tests.integration.conftest import Skiff

GREEDY = "x=$(dd if=/dev/zero bs=1M count=100 2>/dev/null | tr '\\0' x); echo $x | wc -c"
LIMITED = ["-m", "20m", "--memory-swap", "20m"]


@pytest.mark.parametrize(
    ("script", "code"),
    [(GREEDY, 137), (f'sh -c "{GREEDY.replace("$", "{0}$").format(chr(92))}"; exit 3', 3)],
    ids=["the first process", "another process"],
)
def test_the_end_of_memory_is_told(skiff: Skiff, script: str, code: int) -> None:
    docker, since = skiff.docker, time.time()
    assert docker("run", "--name", "greedy", *LIMITED, "busybox", "sh", "-c", script).returncode == code
    state = json.loads(docker.ok("inspect", "-f", "{{json .State}}", "greedy"))
    assert (state["OOMKilled"], state["ExitCode"], state["Status"]) == (True, code, "exited")
    told = send(skiff.server.url, "GET", f"/events?since={since:.9f}&until={time.time():.9f}").body.splitlines()
    events = [json.loads(line) for line in told]
    actions = [each["Action"] for each in events if each["Type"] == "container"]
    assert actions == ["create", "attach", "start", "oom", "die"]
    (oom,) = (each for each in events if each["Action"] == "oom")
    assert oom["Actor"]["Attributes"] == {"image": "busybox", "name": "greedy"}
    # Each run tells of itself.
    docker("start", "-a", "greedy")
    docker.ok("run", "--name", "modest", *LIMITED, "busybox", "true")
    assert docker.ok("inspect", "-f", "{{.State.OOMKilled}}", "greedy", "modest").split() == ["true", "false"]
