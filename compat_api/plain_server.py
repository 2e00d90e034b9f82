"""The reads that are answered before the event loop is imported: `docker ps` to a server that has just been started.

It comes between the front door and the full server, which takes some hundred milliseconds to import. A request is plain
when it is a GET of the table below, without a body and whole in one piece; the handlers are the full server's own, run
without a loop. Whatever else comes, or nothing for a moment, ends this part: all connections go on to the full server,
with what is unread on them untouched. A socket with a policy, an audit or TLS is never served here.
"""

from __future__ import annotations

import select
import socket
from time import monotonic

from compat_api.front_door import HEAD_LIMIT, answer_ping, plain_get
from compat_api.headers import (
    COMMON,
    NEWEST_VERSION,
    response,
    status_line,
    version_of,
    version_problem,
    version_text,
)
from compat_api.query import Query, bad_escape, unescape
from compat_api.rendering import JSON, completed, failed, message, rendered
from compat_api.table import Table, clean_path, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from compat_api.routes import Route
    from engine import Engine

# What reads rows and little else. Nothing that runs a program, waits, streams or measures is here.
PLAIN = frozenset(
    (
        "containers:list_", "containers:inspect", "execs:inspect", "images:list_", "images:inspect", "networks:list_",
        "networks:inspect", "system:version", "volumes:list_", "volumes:inspect",
    )
)  # fmt: skip
COSTLY = ("size", "shared-size", "manifests")  # parameters that make a read a measurement

PATIENCE_SECONDS = 0.015  # how long the next request may take before the full server is loaded for it
SEND_SECONDS = 5.0
CONNECTIONS = 64


class PlainRequest:
    """A request as the handlers above see it (compat_api.request.Request), whose calls are made at once."""

    def __init__(self, engine: Engine, route: Route, variables: dict[str, str], version: tuple[int, ...], query: str):
        self.engine, self.route, self.variables = engine, route, variables
        self.version = (*version, 0, 0)[:2] if version else NEWEST_VERSION[:2]
        self.method = "GET"
        self.query = Query(query)
        self.name = variables.get("name", "") or variables.get("id", "")

    def since(self, version: str | tuple[int, int]) -> bool:
        """Tell whether the client speaks at least this API version, one of compat_api.versions."""
        if isinstance(version, str):
            major, _, minor = version.partition(".")
            version = int(major), int(minor)
        return self.version >= version

    async def call(self, verb: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run one of the engine's verbs."""
        return verb(*args, **kwargs)

    look = hurry = call


class PlainServer:
    """Serves what is plain; what else there is stays on the connections."""

    def __init__(self, engine: Engine, listeners: list[socket.socket], connections: list[socket.socket]) -> None:
        self._engine = engine
        self._listeners = listeners
        self.connections = connections
        self._table = Table()
        self._mended = False

    def serve(self) -> None:
        """Serve until a request comes that is not plain, or none for a moment."""
        until = monotonic() + PATIENCE_SECONDS
        while (left := until - monotonic()) > 0 and (self._listeners or self.connections):
            ready = self._ready(left)
            for listener in [each for each in self._listeners if each.fileno() in ready]:
                if len(self.connections) >= CONNECTIONS:
                    return
                try:
                    self.connections.append(listener.accept()[0])
                except OSError:
                    continue
                self.connections[-1].setblocking(False)
                until = monotonic() + PATIENCE_SECONDS
            for connection in [each for each in self.connections if each.fileno() in ready]:
                if not self._take(connection):
                    return
                until = monotonic() + PATIENCE_SECONDS

    def _ready(self, seconds: float) -> set[int]:
        poller = select.poll()
        for each in (*self._listeners, *self.connections):
            poller.register(each, select.POLLIN)
        return {fd for fd, _ in poller.poll(max(1, int(seconds * 1000)))}

    def _take(self, connection: socket.socket) -> bool:
        """Answer what is on a connection; False when that is not for this server."""
        try:
            seen = connection.recv(HEAD_LIMIT, socket.MSG_PEEK)
        except OSError:
            seen = b""
        if not seen:  # the client has gone
            self.connections.remove(connection)
            connection.close()
            return True
        if answer_ping(connection, seen):
            return True
        length, target = plain_get(seen)
        answer = self._answer(target) if length else None
        if answer is None:
            return False
        connection.recv(length)
        connection.settimeout(SEND_SECONDS)
        try:
            connection.sendall(answer)
            connection.setblocking(False)
        except OSError:  # it reads too slowly, or has gone
            self.connections.remove(connection)
            connection.close()
        return True

    def _answer(self, target: str) -> bytes | None:
        """Return the whole answer to GET target; None when it is not a plain one."""
        path, _, query = target.partition("?")
        if bad_escape(path):
            return None
        path = unescape(path, plus=False)
        if clean_path(path) != path:
            return None
        text, path = version_text(path)
        if text and version_problem(text):
            return None
        found = self._table.find("GET", path)
        if found is None or found[0].handler not in PLAIN:
            return None
        try:
            request = PlainRequest(self._engine, *found, version_of(text) if text else (), query)
            if any(name in request.query for name in COSTLY):
                return None
            self._mend()
            answer = at_once(load(found[0].handler, "handlers")(request))
            status, headers, body, complete = rendered(answer)
        except Exception as error:
            status, words = failed(error, "GET", target)
            headers, body, complete = [*COMMON, JSON], message(words), False
        if not complete:
            headers = completed(status, headers, body)
        return response(status_line(status), headers, body)

    def _mend(self) -> None:
        """Have the engine mend containers, where a quick look tells that one may need it, before the first answer."""
        if not self._mended:
            from engine.containers.quick_look import may_need_mending

            self._mended = not may_need_mending(self._engine) or self._engine.containers.reconcile()


def at_once(work: Any) -> Any:
    """Run a coroutine that never waits, and return what it returns."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise RuntimeError("a plain handler waited for something")


def serve_plainly(
    engine: Engine, listeners: list[socket.socket], connections: list[socket.socket]
) -> list[socket.socket]:
    """Serve what is plain of the connections and of those to come; returns the connections that are left."""
    server = PlainServer(engine, listeners, connections)
    server.serve()
    if "database" in engine.__dict__:
        engine.database.close()
    return server.connections
