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
    version_of,
    version_problem,
    version_text,
)
from compat_api.lean_aiohttp import BaseRequest, HttpVersion10, HttpVersion11, Response, StreamResponse
from compat_api.problems import PageNotFound
from compat_api.query import bad_escape, unescape
from compat_api.rendering import JSON, completed, failed, message, rendered
from compat_api.request import Request
from compat_api.stream import Finished, fill_headers
from compat_api.table import Table, clean_path, load
from engine.errors import EngineError
from engine.off_loop import off_loop

if TYPE_CHECKING:
    from compat_api.access.audit import Audit
    from compat_api.access.guard import Guard
    from compat_api.activity import Activity
    from compat_api.connection import Connection
    from engine import Engine

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

    async def handle(self, http: BaseRequest) -> StreamResponse:
        """Answer one request, whatever happens; aiohttp calls this."""
        log.request_id.set(os.urandom(4).hex())
        connection = cast("Connection", http.protocol)
        started = time()
        connection.check_body(http)
        status = 0
        with self._activity.request():
            try:
                response = await self._answer(http, connection)
                status = response.status
            finally:
                if connection.hijacked is None:
                    connection.decline_take_over()
                if self._audit is not None:
                    self._audit.write(connection, http, status)
                log.logger.debug("%s %s took %.1f ms", http.method, http.path_qs, (time() - started) * 1000)
        if connection.ends:
            response.force_close()
        return response

    async def _answer(self, http: BaseRequest, connection: Connection) -> StreamResponse:
        if http.version not in (HttpVersion10, HttpVersion11):
            connection.refuse(505 if http.version > HttpVersion10 else 400)
            return Finished()
        if bad_escape(http.path_qs.partition("?")[0]):
            connection.refuse(400)
            return Finished()
        if (expects := http.headers.get("Expect", "").lower()) not in ("", "100-continue"):
            connection.last_answer = True
            return _response(417, [])
        if http.headers.get("Transfer-Encoding", "chunked").lower() != "chunked":
            connection.refuse(501)
            return Finished()
        path = unescape(http.path_qs.partition("?")[0], plus=False)
        if not path.startswith("/"):  # absolute form
            path = unescape(http.rel_url.raw_path, plus=False)
        if (clean := clean_path(path)) != path:
            return _moved(clean, http.path_qs)
        text, path = version_text(path)
        version = version_of(text) if text else ()
        if http.method == "OPTIONS":
            return _response(200, list(COMMON))
        found = self._table.find(http.method, path)
        if found is None:
            return _response(404, [JSON, ("Server", SERVER)], message(str(PageNotFound())))
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
        return _rendered(request, answer)

    async def _reconcile(self) -> None:
        """Have the engine mend what killed processes left: before the first answer, and on until nothing is left."""
        mending, disturbed = self._reconciled, self._engine.networks.is_disturbed()
        if mending is None or (mending.done() and (mending.exception() is not None or not mending.result())):
            reconciling = off_loop(self._engine.containers.reconcile)
            self._reconciled = mending = asyncio.create_task(reconciling, name="reconcile")
        elif disturbed:
            reconciling = off_loop(self._mend_networks)
            self._reconciled = mending = asyncio.create_task(reconciling, name="mend networks")
        await asyncio.shield(mending)

    def _mend_networks(self) -> bool:
        try:
            self._engine.networks.reconcile()
        except (EngineError, OSError):
            log.logger.exception("Networks: cannot mend them")
        return True

    def _failed(self, request: Request, connection: Connection, error: Exception) -> StreamResponse:
        """Answer an exception that a handler raised."""
        status, words = failed(error, request.method, request.http.path_qs)
        if request.answered:  # too late to say so: the connection ends without the mark of a whole answer
            connection.end()
            return Finished()
        if status == 304:
            return _response(304, list(COMMON))
        return _response(status, [*COMMON, JSON], message(words))


def _rendered(request: Request, answer: Answer) -> StreamResponse:
    if answer is None:
        return Finished() if request.streamed is None else request.streamed
    status, headers, body, complete = rendered(answer)
    return _response(status, headers, body, complete=complete)


def _response(
    status: int, headers: list[tuple[str, str]], body: bytes = b"", *, complete: bool = False
) -> StreamResponse:
    """Return a whole response, with its headers in dockerd's order."""
    response = Response(status=status, body=body)
    if not complete:
        headers = completed(status, headers, body)
    response.headers.popall("Content-Type", None)
    fill_headers(response, headers)
    return response


def _unsupported(version: tuple[int, ...], problem: str) -> StreamResponse:
    """Answer a version that is not served; a client older than any that is reads it as plain text."""
    if version < OLDEST_VERSION:
        plain = ("Content-Type", "text/plain; charset=utf-8")
        return _response(400, [*IDENTITY, plain, ("X-Content-Type-Options", "nosniff")], f"{problem}\n".encode())
    return _response(400, [*IDENTITY, JSON], message(problem))


def _moved(path: str, whole: str) -> StreamResponse:
    _, mark, query = whole.partition("?")
    from urllib.parse import quote

    location = quote(path, safe="/:@!$&'()*+,;=~") + mark + query
    return _response(301, [("Location", location), ("Server", SERVER)])
