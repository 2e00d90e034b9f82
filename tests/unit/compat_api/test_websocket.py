"""The frames and the handshake of WebSockets."""

from __future__ import annotations

import pytest

from compat_api.websocket import BINARY, CLOSE, PING, PONG, TEXT, WebSocket, frame, handshake, unmasked

KEY = b"\x11\x22\x33\x44"
REQUEST = {"Upgrade": "WebSocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13"}
REQUEST |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


def masked(kind: int, data: bytes, *, last: bool = True) -> bytes:
    whole = frame(kind, data)
    head = whole[: len(whole) - len(data)]
    first = head[0] if last else head[0] & 0x7F
    return bytes([first, head[1] | 0x80]) + head[2:] + KEY + bytes(b ^ KEY[i % 4] for i, b in enumerate(data))


class Wire:
    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.sent = b""

    async def read(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    async def write(self, data: bytes) -> None:
        self.sent += data


async def everything(wire: Wire) -> bytes:
    found, socket = b"", WebSocket(wire, binary=True)
    while data := await socket.read():
        found += data
    return found


def test_the_key_of_the_rfc() -> None:
    head, agreed = handshake(REQUEST)
    assert agreed
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Upgrade": "tcp"}, b"not websocket protocol"),
        ({"Connection": "close"}, b"not websocket protocol"),
        ({"Sec-WebSocket-Key": ""}, b"mismatch challenge/response"),
        ({"Sec-WebSocket-Version": "8"}, b"missing or bad WebSocket Version"),
        ({"Sec-WebSocket-Protocol": "a, b"}, b""),
    ],
)
def test_what_is_no_websocket(change: dict[str, str], words: bytes) -> None:
    head, agreed = handshake(REQUEST | change)
    assert not agreed
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert head.endswith(b"\r\n\r\n" + words)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, 65536])
async def test_a_frame_of_every_length_comes_through_in_any_pieces(length: int) -> None:
    data = bytes(range(256)) * (length // 256 + 1)
    whole = masked(BINARY, data[:length]) + masked(TEXT, b"end")
    for size in (1, 7, 1 << 20) if length < 1000 else (1000, 1 << 20):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert await everything(Wire(*pieces)) == data[:length] + b"end"


async def test_fragments_pings_and_the_end() -> None:
    wire = Wire(masked(TEXT, b"a", last=False) + masked(PING, b"p") + masked(PONG, b"q") + masked(0, b"b"))
    wire.pieces += [masked(CLOSE, b"\x03\xe8") + masked(TEXT, b"too late")]
    assert await everything(wire) == b"ab"
    assert wire.sent == frame(PONG, b"p")


async def test_what_is_not_masked_ends_it() -> None:
    wire = Wire(frame(TEXT, b"a"))
    assert await everything(wire) == b""
    assert wire.sent == frame(CLOSE, b"\x03\xea")


async def test_writing() -> None:
    wire = Wire()
    await WebSocket(wire, binary=False).write(b"text")
    await WebSocket(wire, binary=True).say_goodbye()
    assert wire.sent == b"\x81\x04text" + b"\x88\x02\x03\xe8"


def test_unmasking_from_the_middle() -> None:
    data = bytes(b ^ KEY[i % 4] for i, b in enumerate(b"0123456789"))
    assert unmasked(data[:3], KEY, 0) + unmasked(data[3:], KEY, 3) == b"0123456789"
