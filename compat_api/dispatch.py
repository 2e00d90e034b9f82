"""From a request to its handler and back: paths, versions, errors, and the headers that every answer has."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from time import time
from typing import TYPE_CHECKING, cast

from compat_api import log
from compat_api.answers import Answer
from compat_api.headers import (
    COMMON,
    IDENTITY,
    OLDEST_VERSION,
    SERVER,
    http_date,
    version_of,
    version_problem,
    version_text,
)
from compat_api.problems import PageNotFound
from compat_api.query import bad_escape, unescape
from compat_api.rendering import JSON, completed, failed, message, rendered
from compat_api.replies import Chunks, Reply
from compat_api.request import Request
from compat_api.table import Table, clean_path, load
from compat_api.whole_request import WholeRequest
from engine.errors import EngineError
from engine.off_loop import off_loop

if TYPE_CHECKING:
    from compat_api.access.audit import Audit
    from compat_api.access.guard import Guard
    from compat_api.activity import Activity
    from compat_api.connection import Connection
    from compat_api.lean_aiohttp import BaseRequest, Server, StreamResponse
    from compat_api.parsed import Parsed
    from engine import Engine

    Sent = Reply | StreamResponse | Chunks | None  # None: the connection was taken over, refused or ended

Handler = Callable[[Request], Awaitable[Answer]]


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Dispatcher:
    """Answers requests; one for the server's life."""

    def __init__(
        self, engine: Engine, activity: Activity, guard: Guard | None = None, audit: Audit | None = None
    ) -> None:
        self._engine = engine
        self._activity = activity
        self._guard = guard  # of a socket with a policy
        self._audit = audit
        self._reconciled: asyncio.Task[bool] | None = None
        self._table = Table()
        self._aiohttp: Server | None = None  # once there is a request for it

    def parse(self, connection: Connection) -> Parsed:
        """Return what reads and answers the connection's requests that are not whole and plain."""
        from compat_api.parsed import Parsed, make_server

        if self._aiohttp is None:
            self._aiohttp = make_server(self)
        return Parsed(connection, self._aiohttp, asyncio.get_running_loop())

    async def shut_down(self, seconds: float) -> None:
        """Let aiohttp's requests in progress finish for a moment."""
        if self._aiohttp is not None:
            await self._aiohttp.shutdown(seconds)

    async def serve_whole(self, http: WholeRequest, connection: Connection) -> None:
        """Answer one request that aiohttp has not seen, on its connection."""
        try:
            reply = await self.answer(http, connection)
            if isinstance(reply, Reply):
                reply.send(connection, http.method)
            elif isinstance(reply, Chunks):
                await reply.end()
        except ConnectionError:  # the client has gone
            connection.end()
            return
        except Exception:
            log.logger.exception("Unexpected failure to answer %s %s", http.method, http.path_qs)
            connection.end()
            return
        if reply is not None and connection.ends:
            connection.end_after_sending()

    async def answer(self, http: BaseRequest | WholeRequest, connection: Connection) -> Sent:
        """Have one request answered, whatever happens; returns what is to be sent, or has been begun."""
        log.request_id.set(os.urandom(4).hex())
        started = time()
        status = 0
        with self._activity.request():
            try:
                reply = await self._answer(http, connection)
                status = 200 if reply is None else reply.status
            finally:
                if connection.hijacked is None:
                    connection.decline_take_over()
                if self._audit is not None:
                    self._audit.write(connection, http, status)
                log.logger.debug("%s %s took %.1f ms", http.method, http.path_qs, (time() - started) * 1000)
        return reply

    async def _answer(self, http: BaseRequest | WholeRequest, connection: Connection) -> Sent:
        target, _, query = http.path_qs.partition("?")
        expects = ""
        if not isinstance(http, WholeRequest):
            from compat_api.parsed import refusal

            if status := refusal(http):
                connection.refuse(status)
                return None
            expects = http.headers.get("Expect", "").lower()
            if expects not in ("", "100-continue"):
                connection.last_answer = True
                return _reply(417, [])
            if not target.startswith("/"):  # absolute form
                target = http.rel_url.raw_path
        if bad_escape(target):
            connection.refuse(400)
            return None
        path = unescape(target, plus=False)
        if (clean := clean_path(path)) != path:
            return _moved(http.method, clean, query)
        text, path = version_text(path)
        version = version_of(text) if text else ()
        if http.method == "OPTIONS":
            return _reply(200, list(COMMON))
        found = self._table.find(http.method, path)
        if found is None:
            return _reply(404, [JSON, ("Server", SERVER)], message(str(PageNotFound())))
        if text and (problem := version_problem(text)):
            return _unsupported(version, problem)
        request = Request(http, connection, self._engine, *found, version)
        try:
            handler = cast(Handler, load(request.route.handler, "handlers"))
            if request.route.path != "/_ping":
                await self._reconcile()
            if expects and connection.transport is not None:
                connection.transport.write(CONTINUE)
            if self._guard is not None:
                await self._guard.admit(request)
            answer = await handler(request)
        except asyncio.CancelledError:
            log.logger.debug("%s %s: the client has gone", http.method, http.path_qs)
            raise
        except Exception as error:
            if isinstance(error, ConnectionError) and (connection.closing() or request.answered):
                raise
            return self._failed(request, connection, error)
        finally:
            request.release()
        if answer is None:
            return request.streamed
        status, headers, body, complete = rendered(answer)
        return Reply(status, headers if complete else completed(status, headers, body), body)

    async def _reconcile(self) -> None:
        """Have the engine mend what killed processes left: before the first answer, and on until nothing is left."""
        mending, disturbed = self._reconciled, self._engine.networks.is_disturbed()
        if mending is None or (mending.done() and (mending.exception() is not None or not mending.result())):
            reconciling = off_loop(self._engine.containers.reconcile)
            self._reconciled = mending = asyncio.create_task(reconciling, name="reconcile")
        elif disturbed:
            reconciling = off_loop(self._mend_networks)
            self._reconciled = mending = asyncio.create_task(reconciling, name="mend networks")
        if not mending.done():
            await asyncio.shield(mending)

    def _mend_networks(self) -> bool:
        try:
            self._engine.networks.reconcile()
        except (EngineError, OSError):
            log.logger.exception("Networks: cannot mend them")
        return True

    def _failed(self, request: Request, connection: Connection, error: Exception) -> Reply | None:
        """Answer an exception that a handler raised."""
        status, words = failed(error, request.method, request.http.path_qs)
        if request.answered:  # too late to say so: the connection ends without the mark of a whole answer
            connection.end()
            return None
        if status == 304:
            return _reply(304, list(COMMON))
        return _reply(status, [*COMMON, JSON], message(words))


def _reply(status: int, headers: list[tuple[str, str]], body: bytes = b"") -> Reply:
    """Return a whole answer with its headers in dockerd's order."""
    return Reply(status, completed(status, headers, body), body)


def _unsupported(version: tuple[int, ...], problem: str) -> Reply:
    """Answer a version that is not served; a client older than any that is reads it as plain text."""
    if version < OLDEST_VERSION:
        plain = ("Content-Type", "text/plain; charset=utf-8")
        return _reply(400, [*IDENTITY, plain, ("X-Content-Type-Options", "nosniff")], f"{problem}\n".encode())
    return _reply(400, [*IDENTITY, JSON], message(problem))


def _moved(method: str, path: str, query: str) -> Reply:
    from urllib.parse import quote

    location = quote(path, safe="/:@!$&'()*+,;=~") + (f"?{query}" if query else "")
    headers = [("Location", location), ("Server", SERVER)]
    if method == "HEAD":  # Go says no length where it was told of none
        return Reply(301, [*headers, ("Date", http_date(time()))], b"")
    return _reply(301, headers)
