"""Makes requests and breaks them: a case is a list of pieces to send and how to end. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

ENDS = ("half-close", "close", "reset", "read")
TARGETS = (
    b"/_ping", b"/version", b"/info", b"/containers/json?all=1", b"/containers/fuzz/json",
    b"/containers/create?name=fuzz",
    b"/containers/fuzz/attach?stream=1&stdin=1&stdout=1", b"/containers/fuzz/logs?stdout=1&follow=1",
    b"/containers/fuzz/exec", b"/exec/fuzz/start", b"/exec/fuzz/resize?h=1&w=1", b"/containers/fuzz/wait",
    b"/containers/fuzz/archive?path=/", b"/containers/prune", b"/images/json", b"/images/load",
    b"/images/create?fromSrc=-",
    b"/networks", b"/networks/create", b"/networks/fuzz/connect", b"/volumes", b"/volumes/create", b"/volumes/fuzz",
    b"/events?until=1", b"/system/df", b"/commit?container=fuzz", b"/auth", b"/swarm", b"/session", b"/openapi.json",
)  # fmt: skip
METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"CONNECT", b"TRACE", b"get", b"PRI", b"")
VERSIONS = (b"", b"/v1.24", b"/v1.51", b"/v1.23", b"/v9.9", b"/v", b"/v1.", b"/v1.51/v1.51", b"//", b"/./..")
BODIES = (
    b"", b"{}", b"[]", b"null", b'{"Image":"busybox"}', b'{"Image":1}', b'{"Labels":{"a":1}}', b"{", b"\xff\xfe", b'"',
    b"1e999", b"[" * 2000, b'{"HostConfig":{"Binds":["/:/x"],"Memory":-1}}', b"\0" * 512, b'{"Cmd":["\\ud800"]}',
)  # fmt: skip
SIZES = (
    b"0",
    b"1",
    b"2",
    b"-1",
    b"0x10",
    b"ffffffffffffffffffff",
    b"zz",
    b"",
    b" 5",
    b"5 ",
    b"5;ext=1",
    b"00000000005",
)
HEADERS = (
    b"Connection: close", b"Connection: keep-alive", b"Connection: Upgrade", b"Upgrade: tcp", b"Upgrade: h2c",
    b"Upgrade: websocket", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", b"Expect: 100-continue", b"Expect: x",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding:\tchunked", b"TE: trailers",
    b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: 5, 5", b"Content-Length: 99999999999999999999",
    b"Content-Encoding: gzip", b"Content-Type: text/plain", b"Content-Type: application/json; charset=\"x",
    b"Host: other",
    b"Host:", b": x", b"X", b"X : y", b" folded", b"X: \0", b"X: \xff", b"X-Registry-Auth: !", b"Trailer: X",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Range: bytes=0-1", b"Accept-Encoding: gzip;q=2",
)  # fmt: skip
ODDITIES = (
    b"\r\n",
    b"\n",
    b"\0",
    b"\r",
    b" ",
    b"\t",
    b"%00",
    b"%zz",
    b"\xc3\x28",
    b"\x80",
    b"/..",
    b"//",
    b"?",
    b"#",
    b"&&=",
)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@dataclass
class Case:
    """What to send, piece by piece, and how the client ends then."""

    pieces: list[bytes] = field(default_factory=list)
    end: str = "half-close"


def case(seed: int, number: int) -> Case:
    """Return one case of a series."""
    dice = random.Random(f"{seed}/{number}")
    data = b"".join(request(dice) for _ in range(dice.choice((1, 1, 1, 1, 2, 3, 8))))
    for _ in range(dice.choice((0, 0, 1, 1, 2, 4))):
        data = dice.choice(_BREAKS)(dice, data)
    return Case(split(dice, data), dice.choice(ENDS))


def request(dice: random.Random) -> bytes:
    """Return a request, which may be a good one."""
    if dice.random() < 0.02:
        return PREFACE + bytes(dice.randrange(256) for _ in range(dice.randrange(60)))
    method = dice.choice(METHODS[:5]) if dice.random() < 0.9 else dice.choice(METHODS)
    target = (dice.choice(VERSIONS) if dice.random() < 0.4 else b"") + dice.choice(TARGETS)
    version = (
        b"HTTP/1.1" if dice.random() < 0.93 else dice.choice((b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.1x", b""))
    )
    lines = [b" ".join((method, target, version)), b"Host: d"]
    lines += dice.sample(HEADERS, dice.choice((0, 0, 0, 1, 2, 5)))
    body = dice.choice(BODIES)
    how = dice.random()
    if how < 0.5:
        lines += [b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
    elif how < 0.75:
        lines += [b"Content-Type: application/json", b"Transfer-Encoding: chunked"]
        body = chunks(dice, body)
    elif how < 0.9:
        body = b""
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunks(dice: random.Random, body: bytes) -> bytes:
    """Return a body in chunks, one of which may be wrong."""
    wrong = dice.random() < 0.4
    size = dice.choice(SIZES) if wrong else b"%x" % len(body)
    last = dice.choice((b"0\r\n\r\n", b"0\r\n", b"0\r\nX: y\r\n\r\n", b"")) if wrong else b"0\r\n\r\n"
    return (size + b"\r\n" + body + b"\r\n" if body or wrong else b"") + last


def split(dice: random.Random, data: bytes) -> list[bytes]:
    """Return data in pieces: whole, in a few, or byte by byte at its beginning."""
    how = dice.random()
    if how < 0.5 or len(data) < 2:
        return [data]
    if how < 0.6:
        return [data[index : index + 1] for index in range(min(len(data), 60))] + [data[60:]]
    cuts = sorted(dice.randrange(len(data)) for _ in range(dice.randrange(1, 6)))
    return [data[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _truncate(dice: random.Random, data: bytes) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def _flip(dice: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    at = dice.randrange(min(len(data), 400))
    return data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]


def _insert(dice: random.Random, data: bytes) -> bytes:
    at = dice.randrange(min(len(data), 400) + 1)
    return data[:at] + dice.choice(ODDITIES) + data[at:]


def _swell(dice: random.Random, data: bytes) -> bytes:
    at = dice.randrange(min(len(data), 200) + 1)
    return (
        data[:at]
        + dice.choice((b"a", b"9", b"%41", b"X: y\r\n", b"\0", b"[")) * dice.choice((300, 5000, 70_000))
        + data[at:]
    )


def _repeat(dice: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    at = dice.randrange(len(lines))
    return b"\r\n".join([*lines[:at], lines[at], *lines[at:]])


def _drop(dice: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    at = dice.randrange(len(lines))
    return b"\r\n".join(lines[:at] + lines[at + 1 :])


_BREAKS: tuple[Callable[[random.Random, bytes], bytes], ...] = (_truncate, _flip, _insert, _swell, _repeat, _drop)
