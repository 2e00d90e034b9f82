"""Attaching by WebSocket, message by message."""

from __future__ import annotations

from typing import Any

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import Session
from tests.conformance.wire import Exchange

SHAKE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}  # fmt: skip
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
ALL = "stream=1&stdin=1&stdout=1&stderr=1"


def message(kind: int, data: bytes, *, masked: bool = True, last: bool = True) -> bytes:
    head = bytes([kind | (0x80 if last else 0)])
    size = bytes([len(data)]) if len(data) < 126 else bytes([126]) + len(data).to_bytes(2, "big")
    if not masked:
        return head + size + data
    key = b"\x11\x22\x33\x44"
    return head + bytes([size[0] | 0x80]) + size[1:] + key + bytes(b ^ key[i % 4] for i, b in enumerate(data))


def messages(data: bytes) -> list[list[Any]]:
    """Return the kinds of messages and what is in them; such that follow each other and are of one kind as one."""
    found: list[list[Any]] = []
    while data:
        kind, size, at = data[0], data[1], 2
        if size == 126:
            size, at = int.from_bytes(data[2:4], "big"), 4
        text = data[at : at + size].decode("latin-1")
        if found and found[-1][0] == kind:
            found[-1][1] += text
        else:
            found.append([kind, text])
        data = data[at + size :]
    return found


def connect(s: Session, query: str, version: str = "v1.51", name: str = "conf-a", **more: str) -> tuple[str, Exchange]:
    return s.open("GET", f"/containers/{name}/attach/ws?{query}", headers={**SHAKE, **more}, version=version)


def end(s: Session, opened: tuple[str, Exchange]) -> None:
    raw = s.finish(opened)
    accept = opened[1].read_head().headers.get("sec-websocket-accept")
    s.records[-1]["body"] = messages(raw) if isinstance(raw, bytes) and accept else s.records[-1]["body"]
    s.records[-1]["accept"] = [accept, opened[1].read_head().headers.get("sec-websocket-protocol")]
    s.records[-1]["reason"] = opened[1].read_head().reason


@scenario
def websockets(s: Session) -> None:
    """Input, output and end; text and binary; logs; pings; what cannot be a WebSocket."""
    once = {"OpenStdin": True, "StdinOnce": True, "HostConfig": {"NetworkMode": "none"}}
    s.create("conf-a", "sh", "-c", "echo begin; cat; echo done >&2", **once)
    for version, query in (
        ("v1.51", ALL),
        ("v1.41", "stream=1"),
        ("v1.27", "stream=1"),
        ("v1.42", "stream=1&stdin=1&stderr=1"),
    ):
        opened = connect(s, query, version)
        opened[1].read_head()
        s.quietly("POST", "/containers/conf-a/start")
        opened[1].send(message(TEXT, b"hello\n") + message(BINARY, b"x" * 300, last=False) + message(0, b"y\n"))
        opened[1].send(message(PING, b"ping") + message(PONG, b"pong"))
        opened[1].read_until(b"\x8a\x04ping")
        opened[1].send(message(CLOSE, b"\x03\xe8"))
        s.wait("conf-a")
        end(s, opened)
        if version == "v1.51":  # the pong may come anywhere between the output
            s.records[-1]["body"].sort()
            s.records[-1]["body"] = [["<sorted>"]] + [
                [kind, "".join(each[1] for each in s.records[-1]["body"] if each[0] == kind)]
                for kind in sorted({each[0] for each in s.records[-1]["body"]})
            ]
        else:
            del s.records[-1]["body"]
    end(s, connect(s, "logs=1&stdout=1&stderr=1"))
    end(s, connect(s, "stdout=1"))
    end(s, connect(s, "logs=1&stdout=1", Origin="http://evil", **{"Sec-WebSocket-Protocol": "one"}))
    for more in ({"Upgrade": ""}, {"Upgrade": "tcp"}, {"Connection": "close"}, {"Sec-WebSocket-Key": ""},
                 {"Sec-WebSocket-Version": "8"}):  # fmt: skip
        end(s, connect(s, ALL, **more))
    s.call("GET", "/containers/conf-nowhere/attach/ws?stream=1", headers=SHAKE)
    s.call("GET", "/containers/conf-a/attach/ws?stream=1&detachKeys=zzz", headers=SHAKE)
    s.create("conf-a", "cat", OpenStdin=True, Tty=True, HostConfig={"NetworkMode": "none"})
    opened = connect(s, ALL)
    opened[1].read_head()
    s.quietly("POST", "/containers/conf-a/start")
    opened[1].send(message(TEXT, b"a\n"))
    opened[1].read_until(b"a\r\n")
    s.quietly("POST", "/containers/conf-a/pause")
    s.call("GET", "/containers/conf-a/attach/ws?stream=1", headers=SHAKE)
    s.quietly("POST", "/containers/conf-a/unpause")
    opened[1].send(message(TEXT, b"\x10\x11"))
    end(s, opened)
    since = s.now()
    opened = connect(s, ALL)
    opened[1].read_head()
    opened[1].send(message(TEXT, b"a", masked=False))
    end(s, opened)
    s.happened(since, container=["conf-a"])
    s.remove("conf-a")


@scenario
def attaching_and_leaving(s: Session) -> None:
    """Several clients, history before what comes, what is told of those who leave, and who may not attach."""
    s.create("conf-a", "cat", OpenStdin=True, Tty=True, HostConfig={"NetworkMode": "none"})
    upgrade = {"Connection": "Upgrade", "Upgrade": "tcp"}
    since = s.now()
    first = s.open("POST", f"/containers/conf-a/attach?{ALL}&detachKeys=a", headers=upgrade)
    second = s.open("POST", "/containers/conf-a/attach?stream=1&stdout=1", headers=upgrade)
    first[1].read_head()
    second[1].read_head()
    s.quietly("POST", "/containers/conf-a/start")
    first[1].send(b"x\n")
    first[1].read_until(b"x\r\nx\r\n")
    second[1].read_until(b"x\r\nx\r\n")
    first[1].send(b"a")
    s.finish(first)
    third = s.open("POST", "/containers/conf-a/attach?stream=1&logs=1&stdin=1&stdout=1", headers=upgrade)
    third[1].read_until(b"x\r\nx\r\n")
    third[1].send(b"y\n")
    third[1].read_until(b"y\r\ny\r\n")
    s.quietly("POST", "/containers/conf-a/pause")
    s.call("POST", "/containers/conf-a/attach?stream=1&stdout=1", headers=upgrade)
    s.quietly("POST", "/containers/conf-a/unpause")
    s.quietly("POST", "/containers/conf-a/kill")
    s.finish(second)
    s.finish(third)
    s.happened(since, container=["conf-a"], event=["attach", "detach", "start"])
    s.remove("conf-a")
