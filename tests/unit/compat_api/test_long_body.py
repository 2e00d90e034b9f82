"""Bodies that a thread reads from the socket: their end, what is behind it, chunks, and ends before the end."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from compat_api.long_body import LINE_BYTES, PIECE_BYTES, RECEIVED_BYTES, Dechunker, LongBody
from compat_api.problems import BadRequest, TruncatedBody

CHUNKS = b"5\r\nhello\r\n1;name=value\r\n \r\n00C \r\nlarge\r\nworld\r\n0\r\nX: y\r\n\r\nGET"


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(CHUNKS)])
def test_chunks_are_taken_apart_wherever_they_are_cut(size: int) -> None:
    dechunker = Dechunker()
    pieces = [CHUNKS[at : at + size] for at in range(0, len(CHUNKS), size)]
    found = b""
    while not dechunker.over:
        found += dechunker.feed(pieces.pop(0))
    assert found == b"hello large\r\nworld"
    assert dechunker.rest + b"".join(pieces) == b"GET"


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        (b"zz\r\n", "invalid byte in chunk length"),
        (b"\r\n", "invalid byte in chunk length"),
        (b"-5\r\n", "invalid byte in chunk length"),
        (b"0x5\r\n", "invalid byte in chunk length"),
        (b"5 5\r\n", "invalid byte in chunk length"),
        (b"f" * 17 + b"\r\n", "http chunk length too large"),
        (b"1" * LINE_BYTES, "header line too long"),
        (b"5\nhello\r\n", "chunked line ends with bare LF"),
        (b"5\r\nhelloX\n", "malformed chunked encoding"),
        (b"5\r\nhello\n5", "malformed chunked encoding"),
        (b"0\r\nnonsense\r\n\r\n", "malformed MIME header line"),
        (b"0\r\nX: y\n", "chunked line ends with bare LF"),
    ],
)
def test_what_is_no_chunk_is_an_error(chunks: bytes, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        Dechunker().feed(chunks)


class Client:
    """The other end of a connection on which a body comes."""

    def __init__(self, begun: bytes, length: int | None) -> None:
        self.sock, self.theirs = socket.socketpair()
        self.theirs.setblocking(False)
        self.told = threading.Event()
        self.body = LongBody(self.theirs.dup(), begun, length, self.told.set)

    def read(self) -> bytes:
        """Read the body to its end."""
        return b"".join(iter(lambda: self.body.read(PIECE_BYTES), b""))

    def behind(self) -> bytes:
        """Return what has come behind the body, read with it or not."""
        self.theirs.setblocking(True)
        return self.body.rest + self.theirs.recv(3 - len(self.body.rest))


@pytest.fixture
def client() -> Iterator[Callable[[bytes, int | None], Client]]:
    made: list[Client] = []

    def make(begun: bytes, length: int | None) -> Client:
        made.append(Client(begun, length))
        return made[-1]

    yield make
    for each in made:
        each.body.close()
        each.sock.close()
        each.theirs.close()


Make = Callable[[bytes, int | None], Client]


def test_what_has_come_already_is_given_first_and_what_is_behind_is_kept(client: Make) -> None:
    there = client(b"abcdefGET", 6)
    assert [there.body.read(4), there.body.read(4), there.body.read(4)] == [b"abcd", b"ef", b""]
    assert there.told.is_set()
    assert there.body.rest == b"GET"


def test_a_long_body_is_read_while_it_comes_and_no_byte_more(client: Make) -> None:
    sent = bytes(range(256)) * 40_000
    there = client(sent[:1000], len(sent))
    sending = threading.Thread(target=there.sock.sendall, args=(sent[1000:] + b"GET",))
    sending.start()
    assert there.read() == sent
    assert (there.body.over, there.body.rest, there.behind()) == (True, b"", b"GET")
    sending.join()


def test_chunks_are_read_while_they_come(client: Make) -> None:
    sent = b"".join(b"%x\r\n%b\r\n" % (size, bytes(size)) for size in (1, 70_000, 32768, RECEIVED_BYTES + 1))
    there = client(b"", None)
    sending = threading.Thread(target=there.sock.sendall, args=(sent + b"0\r\n\r\nGET",))
    sending.start()
    assert there.read() == bytes(1 + 70_000 + 32768 + RECEIVED_BYTES + 1)
    assert there.behind() == b"GET"
    sending.join()


@pytest.mark.parametrize(("begun", "length"), [(b"abc", 6), (b"6\r\nabc", None), (b"6\r\nabcdef\r\n", None)])
def test_a_client_that_sends_no_more_before_the_end(begun: bytes, length: int | None, client: Make) -> None:
    there = client(begun, length)
    there.sock.shutdown(socket.SHUT_WR)
    with pytest.raises(TruncatedBody):
        there.read()
    assert not there.told.is_set()


@pytest.mark.parametrize(("begun", "length"), [(b"abcdefGET", 6), (b"6\r\nabcdef\r\n0\r\n\r\nGET", None)])
def test_a_rest_that_is_there_is_passed_over(begun: bytes, length: int | None, client: Make) -> None:
    there = client(b"", length)
    there.sock.sendall(begun)
    there.body.read(1)
    there.body.close()
    assert there.body.over
    assert there.behind() == b"GET"


@pytest.mark.parametrize("length", [6, 1 << 40, None])
def test_a_rest_that_is_not_there_is_not_waited_for(length: int | None, client: Make) -> None:
    there = client(b"", length)
    there.sock.sendall(b"5\r\n")
    there.body.close()
    assert not there.body.over
    with pytest.raises(ConnectionAbortedError):
        there.body.read(1)


async def test_a_thread_that_waits_for_a_body_that_is_given_up_is_woken(client: Make) -> None:
    there = client(b"", 6)
    reading = asyncio.create_task(asyncio.to_thread(there.body.read, 9))
    await asyncio.sleep(0.05)
    there.body.close()
    with pytest.raises((ConnectionAbortedError, TruncatedBody)):
        await reading


async def test_a_body_can_be_read_on_the_loop(client: Make) -> None:
    assert [piece async for piece in client(b"abcdef", 6).body.iter_any()] == [b"abcdef"]
