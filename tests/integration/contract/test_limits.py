"""What is sent to knock the server over: it answers with a clean 4xx or closes, and others are served meanwhile."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.raw_http import send, send_bytes
from tests.harness.server import Server
from tests.integration.conftest import Skiff

LIST = b"GET /containers/json HTTP/1.1\r\nHost: d\r\n"
CREATE = b"POST /volumes/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own, without an image or a container."""
    server = Server(tmp_path_factory.mktemp("limits"), "listen")
    server.start()
    yield server
    said = server.words()
    server.stop()
    assert "Traceback" not in said, said


def statuses(answer: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


def with_body(body: bytes) -> bytes:
    return CREATE + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(data: bytes) -> bytes:
    return CREATE + b"Transfer-Encoding: chunked\r\n\r\n" + data


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (LIST + b"X: " + b"a" * 100_000 + b"\r\n\r\n", 200),
        (LIST + b"X: " + b"a" * 1_000_000 + b"\r\n\r\n", 431),
        (LIST + b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(2000)) + b"\r\n", 431),
        (LIST + b"".join(b"X-%d: a\r\n" % number for number in range(20_000)) + b"\r\n", 431),
        (b"GET /containers/json?a=" + b"a" * 2_000_000 + b" HTTP/1.1\r\nHost: d\r\n\r\n", 431),
        (with_body(b"[" * 100_000), 400),
        (with_body(b'{"Labels":' + b"[" * 50_000 + b"]" * 50_000 + b"}"), 400),
        (with_body(b'{"Labels":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}"), 400),
        (with_body(b'{"Name":' + b"9" * 100_000 + b"}"), 400),
        (with_body(b'{"Name":"' + b"a" * 17_000_000 + b'"}'), 413),
        (b"GET /containers/json?filters=" + b"[" * 30_000 + b" HTTP/1.1\r\nHost: d\r\n\r\n", 400),
        (b"GET /v1." + b"9" * 5000 + b"/info HTTP/1.1\r\nHost: d\r\n\r\n", 400),
        (b"POST /containers/x/resize?h=" + b"9" * 50_000 + b"&w=1 HTTP/1.1\r\nHost: d\r\n\r\n", 400),
        (CREATE + b"Content-Length: -1\r\n\r\n{}", 400),
        (CREATE + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400),
        (CREATE + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400),
        (CREATE + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 501),
        (CREATE + b"Expect: a miracle\r\nContent-Length: 2\r\n\r\n{}", 417),
        (chunked(b"zz\r\n{}\r\n0\r\n\r\n"), 400),
        (chunked(b"-2\r\n{}\r\n0\r\n\r\n"), 400),
        (chunked(b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"), 400),
        (chunked(b"5\r\n{}"), 400),
        (chunked(b"2;name=value\r\n[]\r\n0\r\n\r\n"), 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 400),
        (b"GET /_ping\r\n\r\n", 400),
        (b"GET /_ping HTTP/3.0\r\nHost: d\r\n\r\n", 400),
        (b"G@T / HTTP/1.1\r\nHost: d\r\n\r\n", 400),
        (b"GET /containers/%zz/json HTTP/1.1\r\nHost: d\r\n\r\n", 400),
        (b"GET /containers/\0/json HTTP/1.1\r\nHost: d\r\n\r\n", 400),
        (b"GET /containers/%00/json HTTP/1.1\r\nHost: d\r\n\r\n", 404),
        (LIST + b"no colon\r\n\r\n", 400),
        (LIST + b"Folded: a\r\n b\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00" + bytes(200), 400),
        (b"\r\n\r\n" + LIST + b"\r\n", 200),
    ],
    ids=[f"case {number}" for number in range(34)],
)  # fmt: skip
def test_each_is_answered_once_and_cleanly(server: Server, data: bytes, expected: int) -> None:
    assert statuses(send_bytes(server.url, data)) == [expected]
    assert send(server.url, "GET", "/containers/json").status == 200


def test_requests_in_one_piece_are_answered_one_by_one(server: Server) -> None:
    assert statuses(send_bytes(server.url, (LIST + b"\r\n") * 20)) == [200] * 20


def test_a_request_in_single_bytes_is_a_request(server: Server) -> None:
    with connected(server) as client:
        for byte in with_body(b"[]"):
            client.sendall(bytes([byte]))
        client.shutdown(socket.SHUT_WR)
        assert statuses(client.recv(65536)) == [400]


def connected(server: Server) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(30)
    client.connect(str(server.socket))
    return client


def test_thousands_who_say_nothing_keep_nobody_out(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        beginnings = (b"", b"G", b"POST /exec/", LIST, CREATE + b"Content-Length: 9\r\n\r\n{")
        for number in range(3000):
            client = stack.enter_context(connected(server))
            client.sendall(beginnings[number % len(beginnings)])
        assert send(server.url, "GET", "/containers/json").status == 200
    assert send(server.url, "GET", "/containers/json").status == 200


def test_where_no_descriptor_is_left_idle_connections_make_room(tmp_path: Path) -> None:
    server = Server(tmp_path, "listen")
    server.start()
    try:
        fill_up(server)
    finally:
        server.stop()


def fill_up(server: Server) -> None:
    pid = server.servers()[0].pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (200, 200))
    with contextlib.ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(connected(server))
        for _ in range(5):
            assert send(server.url, "GET", "/containers/json").status == 200
    assert "closed" in server.words()


def resident(pid: int) -> int:
    """Return a process's resident memory in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


def test_a_client_that_stops_reading_costs_bounded_memory(skiff: Skiff) -> None:
    skiff.docker.ok("run", "--name", "large", "busybox", "truncate", "-s", "1G", "/large")
    server = skiff.server
    assert send(server.url, "GET", "/containers/json").status == 200
    pid = server.servers()[0].pid
    with contextlib.ExitStack() as stack:
        before = resident(pid)
        for _ in range(5):
            client = stack.enter_context(connected(server))
            client.sendall(b"GET /containers/large/archive?path=/large HTTP/1.1\r\nHost: d\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        for _ in range(20):
            assert send(server.url, "GET", "/containers/json").status == 200
        assert resident(pid) - before < 100 << 20
    assert json.loads(send(server.url, "GET", "/containers/large/json").body)["Name"] == "/large"
