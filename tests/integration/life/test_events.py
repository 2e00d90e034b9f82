"""The journal over the lives of servers, and many followers at once."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

from tests.harness.raw_http import send
from tests.integration.conftest import Skiff

FOLLOWERS = 200  # more than the inotify instances that a user may have
PATIENCE = 30.0


def told(skiff: Skiff, since: float, until: float) -> list[dict[str, Any]]:
    answer = send(skiff.server.url, "GET", f"/events?since={since:.9f}&until={until:.9f}")
    return [json.loads(line) for line in answer.body.splitlines()]


def test_replay_is_the_same_whatever_server_answers(skiff: Skiff) -> None:
    docker, since = skiff.docker, time.time()
    docker.ok("volume", "create", "one")
    skiff.server.kill_servers()
    docker.ok("run", "--name", "two", "busybox", "true")
    middle = time.time()
    first = told(skiff, since, middle)
    skiff.server.kill_servers()
    docker.ok("rm", "two")
    docker.ok("volume", "rm", "one")
    assert told(skiff, since, middle) == first
    whole = told(skiff, since, time.time())
    assert whole[: len(first)] == first
    assert [(each["Type"], each["Action"]) for each in whole] == [
        ("volume", "create"), ("container", "create"), ("container", "attach"), ("network", "connect"),
        ("container", "start"), ("network", "disconnect"), ("container", "die"), ("container", "destroy"),
        ("volume", "destroy"),
    ]  # fmt: skip
    # Each event is in exactly one of two ranges that meet.
    for index in range(1, len(whole)):
        cut = whole[index]["timeNano"] / 1e9
        exact = f"{whole[index]['timeNano'] // 10**9}.{whole[index]['timeNano'] % 10**9:09}"
        answer = send(skiff.server.url, "GET", f"/events?since={exact}&until={quote(f'{time.time():.9f}')}")
        assert [json.loads(line) for line in answer.body.splitlines()] == whole[index:], cut


def test_many_follow_at_once(skiff: Skiff) -> None:
    url = skiff.server.url.removeprefix("unix://")
    with ExitStack() as stack:
        followers = []
        for _ in range(FOLLOWERS):
            each = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            each.settimeout(PATIENCE)
            each.connect(url)
            each.sendall(b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
            followers.append(each)
        for each in followers:
            assert each.recv(4096).startswith(b"HTTP/1.1 200")
        skiff.docker.ok("volume", "create", "news")
        skiff.docker.ok("volume", "rm", "news")
        for each in followers:
            seen = b""
            while b"destroy" not in seen:
                seen += each.recv(4096)
            assert seen.count(b'"create"') == seen.count(b'"destroy"') == 1
