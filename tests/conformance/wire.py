"""HTTP over a unix socket, as bare as it comes: so that heads, frames, half-closes and ends can be looked at."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 20.0  # seconds after which an answer that does not come is a failure
FRAMES = ("application/vnd.docker.raw-stream", "application/vnd.docker.multiplexed-stream")


@dataclass(frozen=True)
class Head:
    """A response's first line and headers; header names are lower case."""

    status: int
    reason: str
    headers: dict[str, str]


class Exchange:
    """One request on a connection of its own, and what comes back."""

    def __init__(self, path: Path, method: str, target: str, body: Any, headers: dict[str, str]) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(path))
        self._buffer = bytearray()
        self.head: Head | None = None
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        lines = {"Host": "docker", "Connection": "close"}
        if body is not None:
            lines |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
        lines |= headers
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        self._socket.sendall(f"{method} {target} HTTP/1.1\r\n{text}\r\n".encode() + data)

    def read_head(self) -> Head:
        """Return the head, waiting for it and for nothing after it."""
        if self.head is None:
            while b"\r\n\r\n" not in self._buffer:
                if not self._more():
                    raise AssertionError(f"the connection ended before the head did: {self._buffer!r}")
            raw, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            first, *lines = raw.decode("latin-1").split("\r\n")
            _, status, reason = [*first.split(" ", 2), ""][:3]
            pairs = (line.partition(":") for line in lines)
            self.head = Head(int(status), reason, {name.lower(): value.strip() for name, _, value in pairs})
        return self.head

    def send(self, data: bytes) -> None:
        """Send more after the request: input of an attached process."""
        self._socket.sendall(data)

    def half_close(self) -> None:
        """Say that nothing more comes from us."""
        self._socket.shutdown(socket.SHUT_WR)

    def read_until(self, wanted: bytes) -> None:
        """Wait until the body so far holds these bytes; it stays to be read."""
        self.read_head()
        while wanted not in self._buffer:
            if not self._more():
                raise AssertionError(f"the connection ended before {wanted!r} came: {self._buffer!r}")

    def finish(self) -> bytes:
        """Return the whole body, decoded from chunks; closes the connection."""
        head = self.read_head()
        length = head.headers.get("content-length")
        while not (length and len(self._buffer) >= int(length)) and self._more():
            pass
        self._socket.close()
        data = bytes(self._buffer)
        return dechunked(data) if head.headers.get("transfer-encoding") == "chunked" else data

    def wait_for_more(self, seconds: float) -> None:
        """Wait for more of the body; raises TimeoutError when nothing comes in that time."""
        self._socket.settimeout(seconds)
        self._more()
        self._socket.settimeout(PATIENCE)

    def close(self) -> None:
        """Leave without reading on."""
        self._socket.close()

    def _more(self) -> bool:
        try:
            data = self._socket.recv(65536)
        except ConnectionResetError:  # dockerd leaves the end of an archive unread
            return False
        self._buffer += data
        return bool(data)


def dechunked(data: bytes) -> bytes:
    """Return what was sent in chunks; raises AssertionError when the last one never came."""
    found: list[bytes] = []
    at = 0
    while True:
        end = data.find(b"\r\n", at)
        length = int(data[at:end] or b"-1", 16) if end >= 0 else -1
        assert length >= 0, "the body ended without its last chunk"
        if length == 0:
            return b"".join(found)
        at = end + 2 + length + 2
        found.append(data[end + 2 : at - 2])


def frames(data: bytes) -> dict[str, str]:
    """Return the text of each stream of a multiplexed body; what follows the last whole frame is under "rest"."""
    streams = {1: b"", 2: b""}
    while len(data) >= 8 and data[0] in streams and data[1:4] == b"\0\0\0":
        end = 8 + int.from_bytes(data[4:8], "big")
        streams[data[0]] += data[8:end]
        data = data[end:]
    named = {"stdout": streams[1], "stderr": streams[2], "rest": data}
    return {name: text.decode("utf-8", "replace") for name, text in named.items() if text}
