"""Connections: taking over, half-closes, hangups, and ending without losing a request.

Each test runs twice: with requests that are read here, and with such as are left to aiohttp.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import pytest

from compat_api.activity import Activity
from compat_api.connection import Connection, may_take_over, request_length
from compat_api.dispatch import Dispatcher
from compat_api.problems import TruncatedBody
from compat_api.replies import Chunks, Reply
from compat_api.whole_request import BODY_BYTES, WholeRequest

Handler = Callable[..., Awaitable[Reply | Chunks | None]]  # of a request, and its connection
GET = b"GET %s HTTP/1.1\r\nHost: d\r\n\r\n"
ATTACH = b"POST /v1.51/containers/x/attach?stream=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\n\r\n"
ODD = b"Host: d\r\nX-Odd: \xe9"  # a header field that is not read here


@pytest.fixture(params=["plain", "odd"])
def odd(request: pytest.FixtureRequest) -> bool:
    """Whether requests are left to aiohttp."""
    return request.param == "odd"


class Answers(Dispatcher):
    """Answers with a function, in place of the dispatcher's routes."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._aiohttp = None

    async def answer(self, http, connection):  # type: ignore[no-untyped-def]  # as the dispatcher does
        try:
            return await self._handler(http, connection)
        finally:
            if connection.hijacked is None:
                connection.decline_take_over()


class Peer:
    """The client's end of a connection whose other end has a handler."""

    def __init__(self, handler: Handler, odd: bool = False) -> None:
        self.loop = asyncio.get_running_loop()
        self.activity = Activity(self.loop)
        self.sock, self._theirs = socket.socketpair()
        self._answers = Answers(handler)
        self._odd = odd
        self.connection = Connection(self._answers, self.activity, self.loop)

    async def __aenter__(self) -> Peer:
        self.sock.setblocking(False)
        self._theirs.setblocking(False)
        await self.loop.connect_accepted_socket(lambda: self.connection, self._theirs)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.sock.close()
        self.connection.end()
        await asyncio.sleep(0)

    async def send(self, data: bytes) -> None:
        """Send bytes; a request in them is made odd where it should be."""
        await self.loop.sock_sendall(self.sock, data.replace(b"Host: d", ODD) if self._odd else data)

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


def ok(text: str) -> Reply:
    return Reply(200, [("Content-Length", str(len(text)))], text.encode())


async def collect(_: object, connection: Connection) -> None:
    """Read all input, then say what it was."""
    hijacked = connection.take_over(UPGRADED)
    data = b""
    while piece := await hijacked.read():
        data += piece
    await hijacked.write(b"got " + data)
    hijacked.close()


async def body_of(http) -> bytes:  # type: ignore[no-untyped-def]  # a request of either kind
    return b"".join([piece async for piece in http.content.iter_any()])


@pytest.mark.parametrize("upgrade", [b"Connection: Upgrade\r\nUpgrade: tcp\r\n", b""])
async def test_bytes_right_behind_the_request_are_raw(upgrade: bytes, odd: bool) -> None:
    async with Peer(collect, odd) as peer:
        head = b"POST /containers/x/attach HTTP/1.1\r\nHost: d\r\n" + upgrade + b"\r\n"
        await peer.send(head + b"GET / HTTP/1.1\r\n")
        await peer.receive(UPGRADED)
        await peer.send(b" more")
        peer.sock.shutdown(socket.SHUT_WR)
        assert await peer.rest() == b"got GET / HTTP/1.1\r\n more"


async def test_the_request_may_come_in_pieces_with_a_body(odd: bool) -> None:
    bodies = []

    async def handler(http: WholeRequest, connection: Connection) -> None:
        bodies.append(await body_of(http))
        await collect(http, connection)

    async with Peer(handler) as peer:
        whole = b'POST /exec/x/start HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}"raw"'
        for byte in whole.replace(b"Host: d", ODD) if odd else whole:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        peer.sock.shutdown(socket.SHUT_WR)
        assert await peer.rest() == UPGRADED + b'got "raw"'
    assert bodies == [b"{}"]


@pytest.mark.parametrize("size", [3000, BODY_BYTES, BODY_BYTES + 1])
async def test_a_body_may_come_after_its_head(size: int) -> None:
    async def handler(http: WholeRequest, _: Connection) -> Reply:
        return ok(f"{type(http).__name__} {len(await body_of(http))}")

    async with Peer(handler) as peer:
        await peer.send(b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: %d\r\n\r\n" % size)
        await asyncio.sleep(0.01)
        await peer.send(bytes(size - 1))
        await asyncio.sleep(0.01)
        await peer.send(b"!" + GET % b"/second")
        reader = b"BaseRequest" if size > BODY_BYTES else b"WholeRequest"
        answers = await peer.receive(b" 0")
        assert b"%s %d" % (reader, size) in answers


LOAD = b"POST /images/load HTTP/1.1\r\nHost: d\r\n%b\r\n\r\n"


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_long_body_may_be_followed_by_the_next_request(chunked: bool, odd: bool) -> None:
    async def handler(http: WholeRequest, _: Connection) -> Reply:
        return ok(f"{len(await body_of(http))}.")

    sent = bytes(700_000)
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(sent), sent) if chunked else sent
    field = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(sent)
    async with Peer(handler, odd) as peer:
        for _ in range(2):
            await peer.send(LOAD % field + body + GET % b"/second")
            answers = await peer.receive(b"0.")
            while b"\r\n\r\n0." not in answers:
                answers += await peer.receive(b"0.")
            assert b"700000." in answers


async def test_a_client_that_leaves_in_a_long_body_ends_its_reading(odd: bool) -> None:
    ended = asyncio.Event()

    async def handler(http: WholeRequest, _: Connection) -> Reply:
        try:
            await body_of(http)
        finally:
            ended.set()
        raise AssertionError

    async with Peer(handler, odd) as peer:
        await peer.send(LOAD % b"Content-Length: 1000000" + bytes(1000))
        await asyncio.sleep(0.01)
        peer.sock.close()
        async with asyncio.timeout(10):
            await ended.wait()


async def test_who_sends_what_nobody_reads_gets_the_answer(odd: bool) -> None:
    async def handler(http: WholeRequest, _: Connection) -> Reply:
        return ok("no")

    async with Peer(handler, odd) as peer:
        await peer.send(LOAD % b"Content-Length: 100000000" + bytes(1000))
        assert (await peer.receive(b"no")).startswith(b"HTTP/1.1 200 ")
        for _ in range(50):
            await peer.send(bytes(1_000_000))  # nobody makes the client wait


async def test_an_unread_rest_ends_the_connection_after_the_answer() -> None:
    async def handler(http: WholeRequest, _: Connection) -> Reply:
        return ok("no")

    async with Peer(handler) as peer:
        await peer.send(LOAD % b"Transfer-Encoding: chunked" + b"5\r\nhello\r\n")
        answer = await peer.rest()
        assert b"Connection: close" in answer
        await peer.send(GET % b"/never")
        assert await peer.rest() == b""


async def test_output_goes_on_after_the_client_closed_its_half(odd: bool) -> None:
    async def handler(_: object, connection: Connection) -> None:
        hijacked = connection.take_over(UPGRADED)
        assert await hijacked.read() == b""
        for _ in range(50):
            await hijacked.write(b"x" * 100_000)
        hijacked.close()

    async with Peer(handler, odd) as peer:
        await peer.send(ATTACH)
        peer.sock.shutdown(socket.SHUT_WR)
        assert len(await peer.rest()) == len(UPGRADED) + 5_000_000


async def test_a_slow_reader_makes_the_writer_wait(odd: bool) -> None:
    written = 0

    async def handler(_: object, connection: Connection) -> None:
        nonlocal written
        hijacked = connection.take_over(UPGRADED)
        while True:
            await hijacked.write(b"x" * 100_000)
            written += 1

    async with Peer(handler, odd) as peer:
        await peer.send(ATTACH)
        for _ in range(200):
            await asyncio.sleep(0)
        assert 0 < written < 50


async def test_a_slow_reader_makes_who_writes_chunks_wait() -> None:
    written, ended = 0, asyncio.Event()

    async def handler(_: object, connection: Connection) -> Chunks:
        nonlocal written
        chunks = Chunks(connection, 200, [])
        for _ in range(200):
            await chunks.write(b"x" * 100_000)
            written += 1
        ended.set()
        return chunks

    async with Peer(handler) as peer:
        await peer.send(GET % b"/")
        for _ in range(200):
            await asyncio.sleep(0)
        assert 0 < written < 50
        whole = await peer.receive(b"\r\n0\r\n\r\n")
        assert whole.count(b"x") == 20_000_000
        assert ended.is_set()


async def test_pieces_are_poured_by_a_thread_as_fast_as_the_client_reads() -> None:
    made: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            made.append(threading.get_ident())
            yield b"x" * (100_000 + number)

    async def handler(_: object, connection: Connection) -> Chunks:
        chunks = Chunks(connection, 200, [])
        await chunks.pour(pieces())
        return chunks

    async with Peer(handler) as peer:
        await peer.send(GET % b"/1" + GET % b"/2")
        await asyncio.sleep(0.2)
        assert 0 < len(made) < 50
        whole = b""
        for _ in range(2):
            whole += await peer.receive(b"\r\n0\r\n\r\n")
        assert whole.count(b"x") == 2 * sum(range(100_000, 100_100))
        assert whole.count(b"\r\n186a0\r\nxxx") == 2
        assert threading.get_ident() not in made


async def test_what_is_poured_to_a_client_that_vanishes_is_closed() -> None:
    closed = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            closed.set()

    async def handler(_: object, connection: Connection) -> Chunks:
        chunks = Chunks(connection, 200, [])
        await chunks.pour(pieces())
        return chunks

    async with Peer(handler) as peer:
        await peer.send(GET % b"/")
        await peer.receive(b"x")
        peer.sock.close()
        assert await asyncio.to_thread(closed.wait, 10)


async def test_what_a_pouring_iterator_raises_is_raised() -> None:
    async def handler(_: object, connection: Connection) -> Chunks:
        chunks = Chunks(connection, 200, [])
        with pytest.raises(ZeroDivisionError):
            await chunks.pour(bytes(1 // each) for each in (1, 0))
        return chunks

    async with Peer(handler) as peer:
        await peer.send(GET % b"/")
        assert (await peer.receive(b"0\r\n\r\n")).endswith(b"1\r\n\x00\r\n0\r\n\r\n")


async def test_a_fast_writer_waits_for_the_reader(odd: bool) -> None:
    go = asyncio.Event()

    async def handler(_: object, connection: Connection) -> None:
        hijacked = connection.take_over(UPGRADED)
        await go.wait()
        size = 0
        while piece := await hijacked.read():
            size += len(piece)
        await hijacked.write(str(size).encode())
        hijacked.close()

    async with Peer(handler, odd) as peer:
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


async def test_requests_behind_a_declined_one_are_answered(odd: bool) -> None:
    async def handler(http: WholeRequest, _: Connection) -> Reply:
        return ok(http.path_qs)

    async with Peer(handler, odd) as peer:
        await peer.send(ATTACH + GET % b"/second")
        assert b"/containers/x/attach" in await peer.receive(b"/second")


async def test_requests_that_wait_for_their_turn_are_not_forgotten_at_the_end_of_the_input() -> None:
    asked = []

    async def handler(http: WholeRequest, connection: Connection) -> Reply:
        asked.append(http.path_qs)
        if len(asked) == 1:  # more and the end are noticed in the very moment in which the answer is made
            connection.data_received(GET % b"/third")
            peer.loop.call_soon(connection.data_received, GET % b"/fourth")
            peer.loop.call_soon(connection.eof_received)
        return ok("ok")

    async with Peer(handler) as peer:
        await peer.send(GET % b"/first" + GET % b"/second")
        answers = await peer.rest()
        assert answers.count(b"HTTP/1.1 200 OK\r\n") == 4
        assert asked == ["/first", "/second", "/third", "/fourth"]


async def test_plain_and_odd_requests_on_one_connection_are_answered_in_order() -> None:
    async def handler(http: WholeRequest, _: Connection) -> Reply:
        await asyncio.sleep(0.01)
        return ok(f"{type(http).__name__}:{http.path_qs};")

    async with Peer(handler) as peer:
        odd = (GET % b"/odd").replace(b"Host: d", ODD)
        await peer.send(GET % b"/1" + odd + GET % b"/2" + GET % b"/3")
        whole = await peer.receive(b"/3;")
        told = [piece.rpartition(b"\r\n\r\n")[2] for piece in whole.split(b";")[:-1]]
        assert told[:2] == [b"WholeRequest:/1", b"BaseRequest:/odd"]
        assert [each.partition(b":")[2] for each in told[2:]] == [b"/2", b"/3"]
        await asyncio.sleep(0.01)
        await peer.send(GET % b"/4")
        assert (await peer.receive(b"/4;")).endswith(b"WholeRequest:/4;")


async def test_a_client_that_asks_no_more_is_told_so() -> None:
    async def handler(_: object, __: Connection) -> Reply:
        return ok("last")

    async with Peer(handler) as peer:
        await peer.send((GET % b"/").replace(b"Host: d", b"Host: d\r\nConnection: close") + GET % b"/unread")
        assert await peer.rest() == b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlast"


@pytest.mark.parametrize(("hijack", "read_first"), [(True, True), (True, False), (False, False)])
async def test_a_client_that_vanishes_cancels_its_handler(hijack: bool, read_first: bool, odd: bool) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(_: object, connection: Connection) -> None:
        hijacked = connection.take_over(UPGRADED) if hijack else None
        begun.set()
        try:
            if hijacked is not None and read_first:
                assert await hijacked.read() == b""
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError

    async with Peer(handler, odd) as peer:
        await peer.send(ATTACH if hijack else GET % b"/events")
        async with asyncio.timeout(10):
            await begun.wait()
            if hijack:
                await peer.receive(UPGRADED)  # else the close would be a reset
            peer.sock.close()
            await cancelled.wait()


async def test_a_half_closed_client_gets_its_answer(odd: bool) -> None:
    go = asyncio.Event()

    async def handler(_: object, __: Connection) -> Reply:
        await go.wait()
        return ok("late")

    async with Peer(handler, odd) as peer:
        await peer.send(GET % b"/info")
        peer.sock.shutdown(socket.SHUT_WR)
        for _ in range(20):
            await asyncio.sleep(0)
        go.set()
        assert (await peer.rest()).endswith(b"late")


@pytest.mark.parametrize("size", [1000, 1_000_000])
async def test_a_body_that_breaks_off_is_an_error_and_not_a_wait(size: int, odd: bool) -> None:
    async def handler(http: WholeRequest, _: Connection) -> Reply:
        try:
            await body_of(http)
        except TruncatedBody as problem:
            return ok(problem.message)
        raise AssertionError

    async with Peer(handler, odd) as peer:
        await peer.send(b"POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: %d\r\n\r\nshort" % size)
        peer.sock.shutdown(socket.SHUT_WR)
        assert (await peer.rest()).endswith(b"unexpected EOF")


async def test_a_head_that_breaks_off_ends_the_connection() -> None:
    async def handler(_: object, __: Connection) -> Reply:
        raise AssertionError

    async with Peer(handler) as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: d\r\n")
        peer.sock.shutdown(socket.SHUT_WR)
        assert await peer.rest() == b""


@pytest.mark.parametrize("junk", [b"junk\r\n\r\n", b"junk", b"GET / HTTP/1.1\r\nHost d\r\n\r\n"])
async def test_what_is_no_http_gets_400(junk: bytes) -> None:
    async def handler(_: object, __: Connection) -> Reply:
        raise AssertionError

    async with Peer(handler) as peer:
        await peer.send(junk)
        answer = await peer.rest()
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"\r\n\r\n400 Bad Request")


async def test_an_idle_connection_can_be_ended_at_once(odd: bool) -> None:
    async def handler(_: object, __: Connection) -> Reply:
        return ok("ok")

    async with Peer(handler, odd) as peer:
        await peer.send(GET % b"/")
        await peer.receive(b"ok")
        for _ in range(5):
            await asyncio.sleep(0)
        assert peer.connection.quiesce()
        with pytest.raises(BrokenPipeError):
            await peer.send(b"GET / HTTP/1.1\r\n")


async def test_a_request_that_raced_in_is_answered(odd: bool) -> None:
    async def handler(_: object, __: Connection) -> Reply:
        return ok("served")

    async with Peer(handler, odd) as peer:
        for _ in range(5):
            await asyncio.sleep(0)
        peer.sock.send(GET % b"/")
        assert not peer.connection.quiesce()
        assert (await peer.rest()).endswith(b"served")


async def test_a_connection_in_use_is_not_ended(odd: bool) -> None:
    go = asyncio.Event()

    async def handler(_: object, __: Connection) -> Reply:
        await go.wait()
        return ok("served")

    async with Peer(handler, odd) as peer:
        await peer.send(GET % b"/")
        seen = set()
        for _ in range(20):  # whatever aiohttp is doing in between
            await asyncio.sleep(0)
            seen.add(peer.connection.quiesce())
        assert not peer.connection.shed()
        assert seen == {False}
        go.set()
        with suppress(ConnectionError):
            assert (await peer.receive(b"served")).startswith(b"HTTP/1.1 200")


async def test_a_connection_whose_body_is_on_its_way_is_not_ended() -> None:
    async def handler(http: WholeRequest, _: Connection) -> Reply:
        return ok((await body_of(http)).decode())

    async with Peer(handler) as peer:
        await peer.send(b"POST /x HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\n\r\nbo")
        await asyncio.sleep(0.01)
        assert not peer.connection.shed()
        assert not peer.connection.quiesce()
        await peer.send(b"dy")
        assert (await peer.rest()).endswith(b"body")


async def test_an_answer_that_cannot_be_made_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(_: object, __: Connection) -> Reply:
        raise LookupError("nobody thought of this")

    async with Peer(handler) as peer:
        await peer.send(GET % b"/x")
        with suppress(ConnectionResetError):
            assert await peer.rest() == b""
    assert "Unexpected failure to answer GET /x" in caplog.text


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
