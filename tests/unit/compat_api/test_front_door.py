"""The front door answers exactly what the full server would, and touches nothing else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat_api import front_door
from compat_api.activity import Activity
from compat_api.connection import Connection
from compat_api.dispatch import Dispatcher
from compat_api.headers import ping, response
from engine import Engine, Settings

GET = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nUser-Agent: x\r\n\r\n"
HEAD = b"HEAD /v1.51/_ping HTTP/1.1\r\nHost: docker\r\n\r\n"


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as found:
        found.bind(str(tmp_path / "socket"))
        found.listen(100)
        yield found


def client_of(listener: socket.socket, data: bytes = b"") -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(5)
    client.connect(listener.getsockname())
    client.sendall(data)
    return client


async def full_server_answer(request: bytes, tmp_path: Path) -> bytes:
    """Return what the full server sends for one request, up to the end of its body."""
    loop = asyncio.get_running_loop()
    activity = Activity(loop)
    engine = Engine(Settings(tmp_path / "root", tmp_path / "run"))
    dispatcher = Dispatcher(engine, activity)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    await loop.connect_accepted_socket(lambda: Connection(dispatcher, activity, loop), theirs)
    await loop.sock_sendall(ours, request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += await loop.sock_recv(ours, 65536)
    ours.close()
    return data


@pytest.mark.parametrize("request_bytes", [GET, HEAD])
async def test_the_full_server_sends_the_same_bytes(
    request_bytes: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compat_api.front_door.time", lambda: 1e9)
    monkeypatch.setattr("compat_api.handlers.system.time.time", lambda: 1e9)
    ours, theirs = socket.socketpair()
    ours.sendall(request_bytes)
    front_door.answer_first([], [theirs])
    at_the_door = ours.recv(65536)
    assert at_the_door.endswith(b"\r\n\r\nOK" if request_bytes is GET else b"\r\n\r\n")
    whole = await full_server_answer(request_bytes, tmp_path)
    assert whole == at_the_door[: len(whole)]
    assert len(whole) in (len(at_the_door), len(at_the_door) - 2)


def test_everyone_who_waits_is_taken_and_pings_are_answered(listener: socket.socket) -> None:
    silent, pinging = client_of(listener), client_of(listener, GET)
    asking = client_of(listener, b"GET /version HTTP/1.1\r\nHost: docker\r\n\r\n")
    connections = front_door.answer_first([listener], [])
    assert len(connections) == 3
    assert pinging.recv(65536).endswith(b"OK")
    assert connections[2].recv(65536).startswith(b"GET /version"), "not touched"
    with pytest.raises(BlockingIOError):
        connections[1].recv(1)
    for each in (*connections, silent, pinging, asking):
        each.close()


def test_what_follows_a_ping_is_left_unread() -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(GET + b"GET /info HTTP/1.1\r\n")
    front_door.answer_first([], [theirs])
    assert theirs.recv(65536) == b"GET /info HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET /_ping HTTP/1.1\r\nHost: d\r\n",  # incomplete
        b"GET /_ping HTTP/1.0\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\n\r\n",  # no Host
        b"GET /_ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: d\r\nbroken line\r\n\r\n",
        b"GET /_ping?x HTTP/1.1\r\nHost: d\r\n\r\n",
        b"GET /v1.23/_ping HTTP/1.1\r\nHost: d\r\n\r\n",
        b"GET /v1.52/_ping HTTP/1.1\r\nHost: d\r\n\r\n",
        b"POST /_ping HTTP/1.1\r\nHost: d\r\n\r\n",
        b"GET /_ping/ HTTP/1.1\r\nHost: d\r\n\r\n",
    ],
)
def test_anything_unusual_is_left_to_the_full_server(data: bytes) -> None:
    assert front_door.ping_length(data) == 0


@pytest.mark.parametrize("path", ["/_ping", "/v1.24/_ping", "/v1.51/_ping", "/v1.40/_ping"])
def test_plain_pings_are_known(path: str) -> None:
    data = f"GET {path} HTTP/1.1\r\nHost: d\r\nUser-Agent: x\r\n\r\n".encode()
    assert front_door.ping_length(data + b"more") == len(data)


@given(st.binary(max_size=200))
def test_no_bytes_upset_the_door(data: bytes) -> None:
    assert front_door.ping_length(data) in (0, data.find(b"\r\n\r\n") + 4)


def test_a_ping_says_how_long_it_is() -> None:
    for method, length in (("GET", 2), ("HEAD", 0)):
        headers, body = ping(method, 0)
        assert dict(headers)["Content-Length"] == str(length)
        assert dict(headers)["Date"] == "Thu, 01 Jan 1970 00:00:00 GMT"
        assert response("200 OK", headers, body).startswith(b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\n")
