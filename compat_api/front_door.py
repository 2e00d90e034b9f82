"""The first answer of a server that has just been started, given before the event loop is imported.

A client's first request is nearly always a ping, and importing what the full server needs takes ten times as long as
starting Python. So the front door takes the connections that are waiting, answers those that have sent a whole
ping, and hands all of them on as they are. It never waits: a connection whose request is not there yet, or is
anything but a plain ping, is left untouched for the full server. Nothing but os and socket is imported.
"""

from __future__ import annotations

import socket
from time import time

from compat_api.headers import ping, response, version_problem, version_text
from compat_api.whole_request import WholeRequest, read_whole

HEAD_LIMIT = 4096  # a ping's head is about 100 bytes
CONNECTIONS = 64  # taken at most before the full server is there


def answer_first(listeners: list[socket.socket], connected: list[socket.socket]) -> list[socket.socket]:
    """Take what is waiting on the listeners, answer pings there and on connected; return all connections.

    The connections returned are non-blocking; what is still unread on them was not touched.
    """
    connections = list(connected)
    for listener in listeners:
        listener.setblocking(False)
        while len(connections) < CONNECTIONS:
            try:
                connections.append(listener.accept()[0])
            except OSError:  # nobody is waiting, or the client is gone already
                break
    for connection in connections:
        connection.setblocking(False)
        _answer(connection)
    return connections


def _answer(connection: socket.socket) -> None:
    """Answer one ping on the connection if a whole one is there, and consume it."""
    try:
        answer_ping(connection, connection.recv(HEAD_LIMIT, socket.MSG_PEEK))
    except OSError:
        pass  # nothing there yet, or the client is gone: the full server finds out


def answer_ping(connection: socket.socket, seen: bytes) -> bool:
    """Answer the ping that seen, which is still on the connection, begins with; False when it begins with none."""
    length = ping_length(seen)
    if length:
        connection.recv(length)
        method = "HEAD" if seen.startswith(b"HEAD") else "GET"
        # The answer is far smaller than an empty socket's buffer, so it goes out whole.
        connection.send(response("200 OK", *ping(method, time())))
    return length > 0


def plain_get(data: bytes) -> tuple[int, str]:
    """Return how many bytes at the start of data are a plain HTTP/1.1 GET, and of what; (0, "") when there is none."""
    length, method, target = _plain_request(data)
    return (length, target) if method == "GET" else (0, "")


def ping_length(data: bytes) -> int:
    """Return how many bytes at the start of data are a plain HTTP/1.1 ping; 0 when there is none."""
    length, _, target = _plain_request(data)
    if not length:
        return 0
    version, path = version_text(target)
    return 0 if path != "/_ping" or (version and version_problem(version)) else length


def _plain_request(data: bytes) -> tuple[int, str, str]:
    """Return length, method and target of a whole GET or HEAD without anything special; length 0 for all else."""
    found = read_whole(data)
    if not isinstance(found, WholeRequest) or found.method not in ("GET", "HEAD") or found.closes:
        return 0, "", ""
    if "Content-Length" in found.headers:
        return 0, "", ""
    return found.length, found.method, found.path_qs
