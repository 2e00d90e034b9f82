"""A container's stdio in WebSocket messages: the handshake and the frames of RFC 6455, as dockerd's library has them.

What dockerd does not do is not done here either: no origin is refused, no extension is agreed on, a message is not put
together from its fragments (their bytes are what counts), and a client's close is not answered before the end.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Protocol

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
NORMAL, PROTOCOL_ERROR = 1000, 1002
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FIN, _MASKED = 0x80, 0x80
_LONGEST_CONTROL = 125
_VERSION = "13"


class Raw(Protocol):
    """The connection below; compat_api.hijack.HijackedConnection is one."""

    async def read(self) -> bytes:
        """Return bytes, none at the end."""

    async def write(self, data: bytes) -> None:
        """Send bytes."""


class Fields(Protocol):
    """A request's header fields."""

    def get(self, name: str, default: str, /) -> str:
        """Return a field's value."""


def handshake(headers: Fields) -> tuple[bytes, bool]:
    """Return the answer to a request that should begin a WebSocket, and whether it does. Pure."""
    upgrade, connection = headers.get("Upgrade", ""), headers.get("Connection", "")
    if upgrade.lower() != "websocket" or "upgrade" not in connection.lower():
        return _refusal("not websocket protocol"), False
    key = headers.get("Sec-WebSocket-Key", "")
    if not key:
        return _refusal("mismatch challenge/response"), False
    if headers.get("Sec-WebSocket-Version", "") != _VERSION:
        return _refusal("missing or bad WebSocket Version", f"Sec-WebSocket-Version: {_VERSION}\r\n"), False
    wanted = headers.get("Sec-WebSocket-Protocol", "").strip()
    if "," in wanted:
        return _refusal(""), False
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Accept: {accept}", *([f"Sec-WebSocket-Protocol: {wanted}"] if wanted else [])]
    return ("\r\n".join(lines) + "\r\n\r\n").encode(), True


def frame(kind: int, data: bytes) -> bytes:
    """Return one whole, unmasked frame. Pure."""
    length = len(data)
    if length < 126:
        head = bytes((_FIN | kind, length))
    elif length < 1 << 16:
        head = bytes((_FIN | kind, 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((_FIN | kind, 127)) + length.to_bytes(8, "big")
    return head + data


def unmasked(data: bytes, key: bytes, offset: int) -> bytes:
    """Return data, which is at this offset of its frame, without the mask. Pure."""
    if not data:
        return b""
    turned = key[offset % 4 :] + key[: offset % 4]
    pattern = (turned * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")).to_bytes(len(data), "big")


class WebSocket:
    """A connection as compat_api.pump uses it, with each write in a frame of its own."""

    def __init__(self, raw: Raw, *, binary: bool) -> None:
        self._raw = raw
        self._kind = BINARY if binary else TEXT
        self._buffer = b""
        self._left = 0  # of the frame that is being read
        self._offset = 0
        self._key = b""
        self._over = False

    async def read(self) -> bytes:
        """Return what the client sent, waiting for the first; b"" when it will send no more."""
        while not self._over:
            if self._left:
                if not self._buffer and not await self._more():
                    break
                data, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
                found = unmasked(data, self._key, self._offset)
                self._left -= len(data)
                self._offset += len(data)
                return found
            await self._begin_frame()
        return b""

    async def write(self, data: bytes) -> None:
        """Send a message; raises ConnectionResetError when the client has gone."""
        await self._raw.write(frame(self._kind, data))

    async def say_goodbye(self) -> None:
        """Tell the client that nothing more comes."""
        await self._raw.write(frame(CLOSE, NORMAL.to_bytes(2, "big")))

    async def _begin_frame(self) -> None:
        """Read a frame's head, and the whole of one that is about the connection."""
        head = await self._exactly(2)
        if len(head) < 2:
            self._over = True
            return
        kind, length = head[0] & 0x0F, head[1] & 0x7F
        if not head[1] & _MASKED:
            await self._raw.write(frame(CLOSE, PROTOCOL_ERROR.to_bytes(2, "big")))
            self._over = True
            return
        if length > _LONGEST_CONTROL:
            length = int.from_bytes(await self._exactly(2 if length == 126 else 8), "big")
        self._key, self._offset, self._left = await self._exactly(4), 0, length
        if kind == CLOSE or len(self._key) < 4:
            self._over = True
        elif kind in (PING, PONG):
            data = unmasked(await self._exactly(min(length, _LONGEST_CONTROL)), self._key, 0)
            self._left = 0
            self._over = length > _LONGEST_CONTROL
            if kind == PING:
                await self._raw.write(frame(PONG, data))

    async def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count and await self._more():
            pass
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    async def _more(self) -> bool:
        data = await self._raw.read()
        self._buffer += data
        return bool(data)


def _refusal(words: str, line: str = "") -> bytes:
    return f"HTTP/1.1 400 Bad Request\r\n{line}\r\n{words}".encode()
