"""Logging in at a registry that runs in this process."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from engine.registry.authorization import parameters
from engine.registry.hosts import BadRegistryAddress, Credentials, RegistryUnreachable, is_local, registry_host
from engine.registry.login import LoginFailed, LoginRefused, login

RIGHT = Credentials("anna", "secret")


class Registry(BaseHTTPRequestHandler):
    """Accepts anna's password; the server's mode says how: basic, bearer, open or broken."""

    def do_GET(self) -> None:
        mode = self.server.mode  # type: ignore[attr-defined]
        given = self.headers.get("Authorization", "")
        right = "Basic " + base64.b64encode(b"anna:secret").decode()
        here = f"http://localhost:{self.server.server_port}"  # type: ignore[attr-defined]
        if self.path.startswith("/token?"):
            body = json.dumps({"token": "t0", "refresh_token": "r0"}) if given == right else "{}"
            self.answer(200 if given == right else 401, body)
        elif mode == "broken":
            self.answer(503, "")
        elif mode == "open" or given == (right if mode == "basic" else "Bearer t0"):
            self.answer(200, "{}")
        else:
            challenge = 'Basic realm="x"' if mode == "basic" else f'Bearer realm="{here}/token",service="s"'
            self.answer(401, "", ("WWW-Authenticate", challenge))

    def answer(self, status: int, body: str, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(("mode", "token"), [("open", ""), ("basic", ""), ("bearer", "r0")])
async def test_the_right_password(registry: ThreadingHTTPServer, mode: str, token: str) -> None:
    registry.mode = mode  # type: ignore[attr-defined]
    assert await login(f"127.0.0.1:{registry.server_port}", RIGHT) == token


@pytest.mark.parametrize("mode", ["basic", "bearer"])
async def test_a_wrong_password(registry: ThreadingHTTPServer, mode: str) -> None:
    registry.mode = mode  # type: ignore[attr-defined]
    address = f"127.0.0.1:{registry.server_port}"
    with pytest.raises(LoginRefused) as caught:
        await login(address, Credentials("anna", "guess"))
    assert str(caught.value) == f'Get "http://{address}/v2/": unauthorized: incorrect username or password'


async def test_a_broken_registry(registry: ThreadingHTTPServer) -> None:
    registry.mode = "broken"  # type: ignore[attr-defined]
    address = f"127.0.0.1:{registry.server_port}"
    with pytest.raises(LoginFailed) as caught:
        await login(address, RIGHT)
    assert str(caught.value) == f"login attempt to http://{address}/v2/ failed with status: 503 Service Unavailable"


async def test_nobody_there(registry: ThreadingHTTPServer) -> None:
    port = registry.server_port
    registry.shutdown()
    registry.server_close()
    with pytest.raises(RegistryUnreachable) as caught:
        await login(f"127.0.0.1:{port}", RIGHT)
    words = f'Get "http://127.0.0.1:{port}/v2/": dial tcp 127.0.0.1:{port}: connect: connection refused'
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("", "registry-1.docker.io"),
        ("https://index.docker.io/v1/", "registry-1.docker.io"),
        ("localhost:5000", "localhost:5000"),
        ("http://r.example:80/v2", "r.example:80"),
    ],
)
def test_addresses(address: str, host: str) -> None:
    assert registry_host(address) == host


@pytest.mark.parametrize("address", ["https://", "a:port", "a b"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(BadRegistryAddress):
        registry_host(address)


def test_only_this_machine_may_do_without_tls() -> None:
    assert [host for host in ("localhost:5", "127.9.9.9", "[::1]:5", "10.0.0.1") if is_local(host)] == [
        "localhost:5",
        "127.9.9.9",
        "[::1]:5",
    ]


def test_challenges() -> None:
    text = 'realm="https://a/b?c=1,2",service="s \\"x\\"", scope=plain'
    assert parameters(text) == {"realm": "https://a/b?c=1,2", "service": 's "x"', "scope": "plain"}


def test_a_registry_whose_name_leads_to_this_machine_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str, _: object) -> list[tuple[object, ...]]:
        known = {"registry": ["127.0.0.1"], "six": ["::1"], "both": ["10.0.0.1", "127.0.0.1"], "far": ["10.0.0.1"]}
        if name not in known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 0)) for address in known[name]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    names = ("registry:5000", "six", "both:1", "far:5000", "nowhere:5000", "a" * 70 + ".example:5000")
    assert [name for name in names if is_local(name)] == ["registry:5000", "six", "both:1"]
