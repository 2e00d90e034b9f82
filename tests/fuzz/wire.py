"""Sends cases to a server and looks at what becomes of it: it lives, answers cleanly, and serves others throughout."""

from __future__ import annotations

import json
import os
import re
import select
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress

from compat_api.openapi.failures import FAILURES
from tests.fuzz.requests import Case, case
from tests.harness.raw_http import send
from tests.harness.server import Server

_FAILED = re.compile(rb"HTTP/1\.[01] 500 [^\r]*\r\n(.*?)\r\n\r\n", re.DOTALL)
_LENGTH = re.compile(rb"Content-Length: (\d+)")
OTHERS_EVERY = 25  # cases between two looks at whether another client is served
QUIET_SECONDS = 0.02  # after which a client that waits for nothing in particular leaves


class Broken(AssertionError):
    """The server did what it must not; says which case, so that it can be run again."""


class Campaign:
    """A series of cases against one server that is there already."""

    def __init__(self, server: Server, seed: int) -> None:
        self._server, self._seed = server, seed
        self._pid = server.servers()[0].pid
        self.sent = 0

    def run(self, numbers: Iterable[int]) -> None:
        """Send cases, with a client beside them whose stream must not end. Raises Broken."""
        with connected(self._server) as beside:
            beside.sendall(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
            if not beside.recv(4096).startswith(b"HTTP/1.1 200 "):
                raise Broken("the client beside was not served at all")
            for number in numbers:
                answer = exchange(self._server, case(self._seed, number))
                self._judge(number, answer)
                self.sent += 1
                if self.sent % OTHERS_EVERY == 0:
                    self._look(number, beside)
            self._look(-1, beside)

    def sockets(self) -> int:
        """Return how many sockets the server has."""
        folder, found = f"/proc/{self._pid}/fd", 0
        for name in os.listdir(folder):
            with suppress(FileNotFoundError):
                found += os.readlink(f"{folder}/{name}").startswith("socket:")
        return found

    def _judge(self, number: int, answer: bytes) -> None:
        if b"Traceback" in answer:
            raise Broken(f"case {self._seed}/{number}: a traceback went out: {answer!r}")
        if answer and not answer.startswith(b"HTTP/1."):
            raise Broken(f"case {self._seed}/{number}: no HTTP came back: {answer[:300]!r}")
        if any(not is_dockerds(message) for message in failures_in(answer)):
            raise Broken(f"case {self._seed}/{number}: {answer[:1000]!r}")

    def _look(self, number: int, beside: socket.socket) -> None:
        """Raise Broken unless the server is the same process, serves others, and has logged nothing unexpected."""
        where = f"before case {self._seed}/{number}"
        if [each.pid for each in self._server.servers()] != [self._pid]:
            raise Broken(f"the server has gone {where}: {self._server.words()}")
        if send(self._server.url, "GET", "/containers/json").status != 200:
            raise Broken(f"another client was not served {where}")
        if select.select([beside], [], [], 0)[0] and not beside.recv(1 << 20):
            raise Broken(f"another client's stream ended {where}")
        words = self._server.words()
        if "Traceback" in words or "Unexpected failure" in words:
            raise Broken(f"the server failed {where}: {words}")


def failures_in(answer: bytes) -> Iterator[str]:
    """Give the messages of the answers of 500; of one that the client did not wait for nothing is known."""
    for found in _FAILED.finditer(answer):
        length = _LENGTH.search(found[1])
        body = answer[found.end() : found.end() + int(length[1])] if length else b""
        if length and len(body) == int(length[1]):
            yield str(json.loads(body)["message"]) if body.startswith(b"{") else body.decode(errors="replace")


def is_dockerds(message: str) -> bool:
    """Whether dockerd, too, calls it a failure of its own; a broken request may be one for any operation."""
    return any(re.fullmatch(each.words, message, re.DOTALL) for each in FAILURES)


def connected(server: Server) -> socket.socket:
    """Return a new connection to a server."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(30)
    client.connect(str(server.socket))
    return client


def exchange(server: Server, what: Case) -> bytes:
    """Send one case and return what comes back before the client ends."""
    answer = b""
    with connected(server) as client:
        try:
            for piece in what.pieces:
                client.sendall(piece)
            if what.end == "half-close":
                client.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was refused before it was read to its end
        if what.end == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if what.end in ("close", "reset"):
            return b""
        with suppress(ConnectionResetError):
            patience = QUIET_SECONDS * (10 if what.end == "half-close" else 1)
            while select.select([client], [], [], patience)[0] and (piece := client.recv(1 << 20)):
                answer += piece
    return answer
