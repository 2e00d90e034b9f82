"""The reads that are answered without the event loop: what they need, what they refuse, that they are the same."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compat_api.plain_server import PLAIN, PlainServer
from compat_api.routes import all_routes
from engine import Engine, Settings
from tests.unit.test_imports import HEAVY, LOOP, PROJECT

Pair = tuple[PlainServer, socket.socket]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A server, and a client's end of its one connection."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(10)
    server = PlainServer(Engine(Settings(root=tmp_path / "root", run_root=tmp_path / "run")), [], [ours])
    yield server, theirs
    ours.close()
    theirs.close()


def request(method: str, target: str, *fields: str) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: docker", *fields, "", ""]).encode()


def test_a_ping_and_a_list_on_one_connection(pair: Pair) -> None:
    server, client = pair
    client.sendall(request("HEAD", "/_ping") + request("GET", "/v1.51/containers/json?all=1"))
    server.serve()
    answer = client.recv(65536).decode()
    ping, listing, body = answer.split("\r\n\r\n")
    assert ping.startswith("HTTP/1.1 200 OK\r\n")
    assert listing.splitlines()[0] == "HTTP/1.1 200 OK"
    assert [line.partition(":")[0] for line in listing.splitlines()[1:]] == [
        "Api-Version", "Content-Type", "Docker-Experimental", "Ostype", "Server", "Date", "Content-Length",
    ]  # fmt: skip
    assert body == "[]\n"
    assert len(server.connections) == 1


def test_an_error_is_dockerds(pair: Pair) -> None:
    server, client = pair
    client.sendall(request("GET", "/containers/nowhere/json"))
    server.serve()
    head, _, body = client.recv(65536).decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 404 Not Found\r\n")
    assert json.loads(body) == {"message": "No such container: nowhere"}


@pytest.mark.parametrize(
    "data",
    [
        request("POST", "/containers/create", "Content-Length: 2") + b"{}",
        request("GET", "/events"),
        request("GET", "/containers/json?size=1"),
        request("GET", "/v1.1/containers/json"),
        request("GET", "//containers/json"),
        request("GET", "/nowhere"),
        request("GET", "/containers/json", "Connection: close"),
        request("GET", "/containers/json", "Content-Length: 0"),
        request("DELETE", "/containers/x"),
        request("GET", "/containers/json")[:-2],
        b"\x16\x03\x01",
    ],
)
def test_what_is_not_plain_is_left_untouched(pair: Pair, data: bytes) -> None:
    server, client = pair
    client.sendall(data)
    server.serve()
    (connection,) = server.connections
    assert connection.recv(65536) == data


def test_a_client_that_has_gone_is_forgotten(pair: Pair) -> None:
    server, client = pair
    client.sendall(request("GET", "/containers/json"))
    client.shutdown(socket.SHUT_WR)
    server.serve()
    assert server.connections == []
    assert client.recv(65536).endswith(b"[]\n")


def test_every_plain_handler_is_a_gets() -> None:
    handlers = {route.handler for route in all_routes() if route.method == "GET"}
    assert handlers >= PLAIN


PROGRAM = """
import sys
sys.path.insert(0, {project!r})
import compat_api.__main__
from compat_api.plain_server import PlainServer
from compat_api.settings import settings_of
from compat_api.options import Options
from engine import Engine
options = Options(root={folder!r} + "/root", run_root={folder!r} + "/run")
answer = PlainServer(Engine(settings_of(options)), [], [])._answer("/containers/json")
assert answer.startswith(b"HTTP/1.1 200 OK"), answer
print(*(name for name, each in sys.modules.items() if type(each).__name__ != "_Late"))
"""


def test_what_a_cold_list_pays_for(tmp_path: Path) -> None:
    """The import budget of `docker ps`; modules do not vary as times do."""
    program = PROGRAM.format(project=str(PROJECT), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-I", "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded & (HEAVY | LOOP | {"ctypes", "logging", "subprocess", "tempfile", "shutil", "http.client"}) == set()
    ours = {name for name in loaded if name.startswith(("engine", "compat_api"))}
    assert len(ours) <= 56, sorted(ours)
    assert len(loaded) <= 160
