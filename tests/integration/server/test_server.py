"""The server's process, by raw sockets: how it begins, what it does for odd clients, and how it ends.

Needs systemd-socket-activate, but neither root nor a container.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import processes
from tests.harness.server import PROJECT, Mode, Server

Start = Callable[..., Server]
PING = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"
SLOW_PING = b"GET /_ping?not=for-the-door HTTP/1.1\r\nHost: docker\r\n\r\n"
PATIENCE = 30.0


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start servers over one engine's folders; they end with the test."""
    servers: list[Server] = []

    def make(mode: Mode = "shared", *, idle_timeout: float = 10.0) -> Server:
        server = Server(tmp_path, mode, idle_timeout=idle_timeout)
        server.start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.stop()


def connect(server: Server) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(str(server.socket))
    return client


def answer(client: socket.socket, end: bytes = b"OK") -> bytes:
    """Return what comes, up to this end."""
    data = b""
    while not data.endswith(end):
        piece = client.recv(65536)
        assert piece, f"the connection ended after {data!r}"
        data += piece
    return data


def rest(client: socket.socket) -> bytes:
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


def get(server: Server, path: str) -> tuple[int, bytes]:
    with connect(server) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n".encode())
        head, _, body = rest(client).partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.slow
def test_no_request_around_the_idle_exit_is_lost(start: Start) -> None:
    """A request on a new connection is always answered; one on a kept connection too, unless it could not be sent."""
    server = start(idle_timeout=0.05)
    chance = random.Random(1)
    lives, unsent = set(), 0
    kept: socket.socket | None = None
    for turn in range(500):
        time.sleep(chance.choice((0, 0.045, 0.05, 0.055, 0.07)))
        if turn % 10:
            with connect(server) as client:
                client.sendall(SLOW_PING if turn % 2 else PING)
                answer(client)
        else:
            kept = kept or connect(server)
            try:
                kept.sendall(PING)
                answer(kept)
            except BrokenPipeError:
                unsent += 1
            if turn % 20 == 0:
                kept.close()
                kept = None
        lives |= {each.pid for each in server.servers()}
    if kept:
        kept.close()
    assert unsent == 0
    assert len(lives) >= 10, "the server hardly ever ended: nothing was tested"


def test_a_kept_connection_ends_with_an_idle_server(start: Start) -> None:
    server = start(idle_timeout=0.05)
    with connect(server) as client:
        client.sendall(SLOW_PING)
        answer(client)
        assert client.recv(1) == b""
    server.wait_until_idle()


def test_the_first_client_may_say_nothing(start: Start) -> None:
    server = start()
    with connect(server), connect(server) as client:
        client.sendall(PING)
        answer(client)


def test_a_request_may_come_byte_by_byte(start: Start) -> None:
    server = start()
    with connect(server) as client:
        for byte in PING:
            client.sendall(bytes([byte]))
        answer(client)


def test_requests_may_come_without_waiting_for_answers(start: Start) -> None:
    server = start()
    with connect(server) as client:
        client.sendall(PING * 20 + b"GET /nothing HTTP/1.1\r\nHost: d\r\n\r\n")
        assert answer(client, b"}\n").count(b"HTTP/1.1 200 OK\r\n") == 20


def test_door_and_server_agree(start: Start) -> None:
    server = start()
    with connect(server) as client:
        client.sendall(PING)
        at_the_door = answer(client)
        client.sendall(PING)
        inside = answer(client)

    def without_date(text: bytes) -> list[bytes]:
        return [line for line in text.split(b"\r\n") if not line.startswith(b"Date: ")]

    assert without_date(at_the_door) == without_date(inside)


def test_a_server_per_connection_ends_with_it(start: Start) -> None:
    server = start("isolated")
    with connect(server) as first, connect(server) as second:
        first.sendall(SLOW_PING)
        second.sendall(SLOW_PING)
        answer(first)
        answer(second)
        assert len(server.servers()) == 2
        first.sendall(PING)
        answer(first)
    server.wait_until_idle()


def test_a_listening_server_answers_who_came_before_it_left(start: Start) -> None:
    server = start("listen", idle_timeout=0)
    (process,) = server.servers()
    get(server, "/_ping")  # it is all there, and knows what to do on SIGTERM
    os.kill(process.pid, signal.SIGSTOP)
    with connect(server) as client:
        client.sendall(PING)
        os.kill(process.pid, signal.SIGTERM)
        os.kill(process.pid, signal.SIGCONT)
        answer(client)
    assert processes.wait_for_end(process.pid, PATIENCE)
    assert not server.socket.exists()


def test_a_second_server_leaves_the_first_alone(start: Start) -> None:
    server = start("listen")
    second = subprocess.run(
        server.command("--listen", server.url), capture_output=True, text=True, cwd=PROJECT, timeout=PATIENCE
    )
    assert (second.returncode, second.stdout) == (2, "")
    assert second.stderr == f"compat_api: cannot listen on {server.url}: another server answers there\n"
    assert get(server, "/_ping") == (200, b"OK")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "no socket was passed"),
        (["--listen", "tcp://127.0.0.1:2375"], "refusing to serve the network in clear"),
        (["--nonsense"], "unknown option --nonsense"),
    ],
)
def test_what_it_cannot_serve_is_one_clear_line(options: list[str], words: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LISTEN_")}
    done = subprocess.run(
        [sys.executable, "-m", "compat_api", *options], capture_output=True, text=True, cwd=PROJECT, env=environment
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_events_begin_at_once_and_follow(start: Start) -> None:
    server = start(idle_timeout=0.2)
    with connect(server) as client:
        client.sendall(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
        head = answer(client, b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in head
        with connect(server) as other:
            body = b'{"Name":"seen"}'
            other.sendall(
                b"POST /volumes/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
            )
            assert rest(other).startswith(b"HTTP/1.1 201 ")
        line = answer(client, b"\n\r\n").split(b"\r\n")[1]
        event = json.loads(line)
        assert (event["Type"], event["Action"], event["Actor"]["ID"]) == ("volume", "create", "seen")
        assert server.servers(), "a stream keeps the server"
    server.wait_until_idle()


def test_past_events_end(start: Start) -> None:
    server = start()
    assert get(server, "/events?since=1&until=2") == (200, b"0\r\n\r\n")
    status, body = get(server, "/events?since=5&until=1")
    assert (status, json.loads(body)) == (400, {"message": "`since` time (5) cannot be after `until` time (1)"})


def test_a_term_lets_requests_finish(start: Start) -> None:
    server = start("listen")
    (process,) = server.servers()
    with connect(server) as client:
        until = time.time() + 1
        client.sendall(f"GET /events?until={until:.3f} HTTP/1.1\r\nHost: d\r\n\r\n".encode())
        answer(client, b"\r\n\r\n")
        os.kill(process.pid, signal.SIGTERM)
        assert rest(client) == b"0\r\n\r\n", "the stream's own end, not a cut"
    assert processes.wait_for_end(process.pid, PATIENCE)


def test_tasks_can_be_looked_at(start: Start) -> None:
    server = start("listen")
    with connect(server) as client:
        client.sendall(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
        answer(client, b"\r\n\r\n")
        os.kill(server.servers()[0].pid, signal.SIGUSR1)
        get(server, "/_ping?after-the-signal")
    assert "in events" in server.words()


def test_clients_that_ask_before_they_send(start: Start) -> None:
    server = start()
    with connect(server) as client:
        body = b'{"Name":"x1"}'
        client.sendall(
            b"POST /volumes/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body)
        )
        assert answer(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert answer(client, b"}\n").startswith(b"HTTP/1.1 201 Created\r\n")
