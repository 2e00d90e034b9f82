"""Connections: taking over, half-closes, hangups, and ending without losing a request."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import pytest

from compat_api.activity import Activity
from compat_api.connection import Connection, ServeWhole, may_take_over, request_length
from compat_api.hijack import HijackedConnection
from compat_api.lean_aiohttp import BaseRequest, Response, Server, StreamResponse
from compat_api.problems import TruncatedBody
from compat_api.stream import Finished
from compat_api.whole_request import WholeRequest

Handler = Callable[[BaseRequest], Awaitable[StreamResponse]]
ATTACH = b"POST /v1.51/containers/x/attach?stream=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\n\r\n"


class Peer:
    """The client's end of a connection whose other end has a handler."""

    def __init__(self, handler: Handler, serve_whole: ServeWhole | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.activity = Activity(self.loop)

        async def handle(http: BaseRequest) -> StreamResponse:  # as the dispatcher does
            cast(Connection, http.protocol).check_body(http)
            answer = await handler(http)
            if cast(Connection, http.protocol).last_answer:
                answer.force_close()
            return answer

        self._server = Server(handle, handler_cancellation=True)
        self._serve_whole = serve_whole
        self.sock, self._theirs = socket.socketpair()
        self.connection: Connection | None = None

    async def __aenter__(self) -> Peer:
        self.sock.setblocking(False)
        self._theirs.setblocking(False)

        def make() -> Connection:
            self.connection = Connection(self._server, self.activity, self.loop, serve_whole=self._serve_whole)
            return self.connection

        await self.loop.connect_accepted_socket(make, self._theirs)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.sock.close()
        if self.connection is not None:
            self.connection.end()
        await asyncio.sleep(0)

    async def send(self, data: bytes) -> None:
        await self.loop.sock_sendall(self.sock, data)

    async def receive(self, until: bytes) -> bytes:
        """Return what has come, once it ends like this."""
        data = b""
        async with asyncio.timeout(10):
            while not data.endswith(until):
                piece = await self.loop.sock_recv(self.sock, 1 << 20)
                assert piece, f"the connection ended after {data!r}"
                data += piece
        return data

    async def rest(self) -> bytes:
        """Return what comes until the end."""
        data = b""
        async with asyncio.timeout(10):
            while piece := await self.loop.sock_recv(self.sock, 1 << 20):
                data += piece
        return data


def take_over(http: BaseRequest) -> HijackedConnection:
    return cast(Connection, http.protocol).take_over(UPGRADED)


async def collect(http: BaseRequest) -> StreamResponse:
    """Read all input, then say what it was."""
    hijacked = take_over(http)
    data = b""
    while piece := await hijacked.read():
        data += piece
    await hijacked.write(b"got " + data)
    hijacked.close()
    return Finished()


@pytest.mark.parametrize("upgrade", [b"Connection: Upgrade\r\nUpgrade: tcp\r\n", b""])
async def test_bytes_right_behind_the_request_are_raw(upgrade: bytes) -> None:
    async with Peer(collect) as peer:
        head = b"POST /containers/x/attach HTTP/1.1\r\nHost: d\r\n" + upgrade + b"\r\n"
        await peer.send(head + b"GET / HTTP/1.1\r\n")
        await peer.receive(UPGRADED)
        await peer.send(b" more")
        peer.sock.shutdown(socket.SHUT_WR)
        assert await peer.rest() == b"got GET / HTTP/1.1\r\n more"


async def test_the_request_may_come_in_pieces_with_a_body() -> None:
    bodies = []

    async def handler(http: BaseRequest) -> StreamResponse:
        bodies.append(await http.content.read())
        return await collect(http)

    async with Peer(handler) as peer:
        whole = b'POST /exec/x/start HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}"raw"'
        for byte in whole:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        peer.sock.shutdown(socket.SHUT_WR)
        assert await peer.rest() == UPGRADED + b'got "raw"'
    assert bodies == [b"{}"]


async def test_output_goes_on_after_the_client_closed_its_half() -> None:
    async def handler(http: BaseRequest) -> StreamResponse:
        hijacked = take_over(http)
        assert await hijacked.read() == b""
        for _ in range(50):
            await hijacked.write(b"x" * 100_000)
        hijacked.close()
        return Finished()

    async with Peer(handler) as peer:
        await peer.send(ATTACH)
        peer.sock.shutdown(socket.SHUT_WR)
        assert len(await peer.rest()) == len(UPGRADED) + 5_000_000


async def test_a_slow_reader_makes_the_writer_wait() -> None:
    written = 0

    async def handler(http: BaseRequest) -> StreamResponse:
        nonlocal written
        hijacked = take_over(http)
        while True:
            await hijacked.write(b"x" * 100_000)
            written += 1

    async with Peer(handler) as peer:
        await peer.send(ATTACH)
        for _ in range(200):
            await asyncio.sleep(0)
        assert 0 < written < 50


async def test_a_fast_writer_waits_for_the_reader() -> None:
    go = asyncio.Event()

    async def handler(http: BaseRequest) -> StreamResponse:
        hijacked = take_over(http)
        await go.wait()
        size = 0
        while piece := await hijacked.read():
            size += len(piece)
        await hijacked.write(str(size).encode())
        hijacked.close()
        return Finished()

    async with Peer(handler) as peer:
        await peer.send(ATTACH)
        await peer.receive(UPGRADED)
        sending = asyncio.ensure_future(peer.send(b"y" * 20_000_000))
        for _ in range(200):
            await asyncio.sleep(0)
        assert not sending.done(), "what nobody reads is not taken without bounds"
        go.set()
        await sending
        peer.sock.shutdown(socket.SHUT_WR)
        assert await peer.rest() == b"20000000"


async def test_requests_behind_a_declined_one_are_answered() -> None:
    async def handler(http: BaseRequest) -> StreamResponse:
        cast(Connection, http.protocol).decline_take_over()
        return Response(text=http.path)

    async with Peer(handler) as peer:
        await peer.send(ATTACH + b"GET /second HTTP/1.1\r\nHost: d\r\n\r\n")
        assert b"/containers/x/attach" in await peer.receive(b"/second")


@pytest.mark.parametrize(("hijack", "read_first"), [(True, True), (True, False), (False, False)])
async def test_a_client_that_vanishes_cancels_its_handler(hijack: bool, read_first: bool) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(http: BaseRequest) -> StreamResponse:
        hijacked = take_over(http) if hijack else None
        begun.set()
        try:
            if hijacked is not None and read_first:
                assert await hijacked.read() == b""
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError

    async with Peer(handler) as peer:
        await peer.send(ATTACH if hijack else b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
        async with asyncio.timeout(10):
            await begun.wait()
            if hijack:
                await peer.receive(UPGRADED)  # else the close would be a reset
            peer.sock.close()
            await cancelled.wait()


async def test_a_half_closed_client_gets_its_answer() -> None:
    go = asyncio.Event()

    async def handler(_: BaseRequest) -> StreamResponse:
        await go.wait()
        return Response(text="late")

    async with Peer(handler) as peer:
        await peer.send(b"GET /info HTTP/1.1\r\nHost: d\r\n\r\n")
        peer.sock.shutdown(socket.SHUT_WR)
        for _ in range(20):
            await asyncio.sleep(0)
        go.set()
        assert (await peer.rest()).endswith(b"late")


async def test_a_body_that_breaks_off_is_an_error_and_not_a_wait() -> None:
    async def handler(http: BaseRequest) -> StreamResponse:
        try:
            await http.content.read()
        except TruncatedBody as problem:
            return Response(text=problem.message)
        raise AssertionError

    async with Peer(handler) as peer:
        await peer.send(b"POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: 1000\r\n\r\nshort")
        peer.sock.shutdown(socket.SHUT_WR)
        assert (await peer.rest()).endswith(b"unexpected EOF")


async def test_what_is_no_http_gets_400() -> None:
    async def handler(_: BaseRequest) -> StreamResponse:
        raise AssertionError

    async with Peer(handler) as peer:
        await peer.send(b"junk\r\n\r\n")
        answer = await peer.rest()
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"\r\n\r\n400 Bad Request")


async def test_an_idle_connection_can_be_ended_at_once() -> None:
    async def handler(_: BaseRequest) -> StreamResponse:
        return Response(text="ok")

    async with Peer(handler) as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: d\r\n\r\n")
        await peer.receive(b"ok")
        for _ in range(5):
            await asyncio.sleep(0)
        assert peer.connection is not None
        assert peer.connection.quiesce()
        with pytest.raises(BrokenPipeError):
            await peer.send(b"GET / HTTP/1.1\r\n")


async def test_a_request_that_raced_in_is_answered() -> None:
    async def handler(_: BaseRequest) -> StreamResponse:
        return Response(text="served")

    async with Peer(handler) as peer:
        for _ in range(5):
            await asyncio.sleep(0)
        peer.sock.send(b"GET / HTTP/1.1\r\nHost: d\r\n\r\n")
        assert peer.connection is not None
        assert not peer.connection.quiesce()
        assert (await peer.rest()).endswith(b"served")


async def test_a_connection_in_use_is_not_ended() -> None:
    go = asyncio.Event()

    async def handler(_: BaseRequest) -> StreamResponse:
        await go.wait()
        return Response(text="served")

    async with Peer(handler) as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: d\r\n\r\n")
        assert peer.connection is not None
        seen = set()
        for _ in range(20):  # whatever aiohttp is doing in between
            await asyncio.sleep(0)
            seen.add(peer.connection.quiesce())
        assert seen == {False}
        go.set()
        with suppress(ConnectionError):
            assert (await peer.receive(b"served")).startswith(b"HTTP/1.1 200")


def test_only_attach_and_exec_start_may_take_over() -> None:
    assert may_take_over(ATTACH)
    assert may_take_over(b"POST /exec/abc/start HTTP/1.1\r\n")
    assert may_take_over(b"PO")
    assert may_take_over(b"POST /containers/x/att")
    assert may_take_over(b"GET /containers/x/attach/ws?stream=1 HTTP/1.1\r\n")
    assert not may_take_over(b"GET /containers/x/attach HTTP/1.1\r\n")
    assert not may_take_over(b"POST /containers/x/start HTTP/1.1\r\n")
    assert not may_take_over(b"POST /images/load?x=/attach HTTP/1.1\r\n")


def test_the_length_of_a_request() -> None:
    assert request_length(b"POST /x HTTP/1.1\r\nHost: d\r\n") is None
    assert request_length(b"A\r\nHost: d\r\n\r\nrest") == 14
    assert request_length(b"A\r\ncontent-LENGTH: 3\r\n\r\n") == 27
    assert request_length(b"A\r\nTransfer-Encoding: chunked\r\n\r\n") == 0
    assert request_length(b"A\r\nContent-Length: x\r\n\r\n") == 0


async def test_whole_requests_are_served_one_after_the_other_and_the_rest_by_aiohttp() -> None:
    async def serve(whole: WholeRequest, connection: Connection) -> None:
        await asyncio.sleep(0.01)
        connection.decline_take_over()
        connection.send(f"whole {whole.path_qs}\n".encode())

    async def handler(http: BaseRequest) -> StreamResponse:
        return Response(text=f"aiohttp {http.path_qs}\n")

    async with Peer(handler, serve) as peer:
        get = b"GET /%d HTTP/1.1\r\nHost: d\r\n\r\n"
        await peer.send(get % 1 + get % 2)
        assert await peer.receive(b"/2\n") == b"whole /1\nwhole /2\n"
        await peer.send((get % 3)[:-2])
        await asyncio.sleep(0.01)
        await peer.send((get % 3)[-2:])
        assert (await peer.receive(b"/3\n")).endswith(b"\r\n\r\naiohttp /3\n")
        await peer.send(get % 4 + b"GET /5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get % 6)
        answers = await peer.receive(b"/6\n")
        assert [line for line in answers.splitlines() if b"/" in line and b":" not in line and b"HTTP" not in line] == [
            b"whole /4",
            b"aiohttp /5",
            b"aiohttp /6",
        ]
        await peer.send(get % 7)
        assert await peer.receive(b"/7\n") == b"whole /7\n"


async def test_a_whole_request_may_take_the_connection_over() -> None:
    async def serve(_: WholeRequest, connection: Connection) -> None:
        hijacked = connection.take_over(UPGRADED)
        data = b""
        while piece := await hijacked.read():
            data += piece
        await hijacked.write(b"got " + data)
        hijacked.close()

    async with Peer(collect, serve) as peer:
        await peer.send(ATTACH + b"raw")
        await peer.receive(UPGRADED)
        peer.sock.shutdown(socket.SHUT_WR)
        assert await peer.rest() == b"got raw"


async def test_a_client_that_goes_away_ends_the_serving_of_its_whole_request() -> None:
    ended = asyncio.Event()

    async def serve(_: WholeRequest, __: Connection) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with Peer(collect, serve) as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: d\r\n\r\n")
        await asyncio.sleep(0.01)
        peer.sock.close()
        async with asyncio.timeout(10):
            await ended.wait()


async def test_a_connection_with_a_whole_request_in_progress_is_not_idle() -> None:
    going_on = asyncio.Event()

    async def serve(_: WholeRequest, connection: Connection) -> None:
        await going_on.wait()
        connection.send(b"answer")
        assert connection.ends
        connection.end_after_sending()

    async with Peer(collect, serve) as peer:
        assert peer.connection is not None
        await peer.send(b"GET / HTTP/1.1\r\nHost: d\r\n\r\n")
        await asyncio.sleep(0.01)
        assert not peer.connection.shed()
        assert not peer.connection.quiesce()
        going_on.set()
        assert await peer.rest() == b"answer"
