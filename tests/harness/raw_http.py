"""Requests that no client library would send, over a unix socket."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        """The error's text."""
        return str(json.loads(self.body)["message"])

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def send(
    url: str, method: str, target: str, body: bytes | None = None, *, kind: str | None = None, timeout: float = 30.0
) -> Answer:
    """Send one request on a connection of its own and read the whole answer; kind is the body's content type."""
    connection = _UnixConnection(url.removeprefix("unix://"), timeout)
    try:
        connection.request(method, target, body=body, headers={"Content-Type": kind} if kind else {})
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read())
    finally:
        connection.close()


def send_bytes(url: str, data: bytes, *, timeout: float = 30.0, half_close: bool = True) -> bytes:
    """Send bytes as they are, close our half, and return all that comes back until the server closes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(url.removeprefix("unix://"))
        with suppress(BrokenPipeError, ConnectionResetError):  # it was answered before it was read to its end
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        received = b""
        with suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
        return received
