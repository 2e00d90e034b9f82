from __future__ import annotations

import asyncio
from typing import cast

import pytest

from compat_api.framing import frame
from compat_api.hijack import HijackedConnection
from compat_api.pump import encode, pump


class Process:
    """Echoes its input as output; ends when its input does."""

    def __init__(self) -> None:
        self.detached = False
        self.closed = 0
        self.received: list[bytes] = []
        self.output: asyncio.Queue[list[tuple[int, bytes]]] = asyncio.Queue()

    async def read(self) -> list[tuple[int, bytes]]:
        return await self.output.get()

    async def write(self, data: bytes) -> None:
        self.received.append(data)
        if data == b"leave":
            self.detached = True
            self.output.put_nowait([])
        else:
            self.output.put_nowait([(1, data)])

    async def close_stdin(self) -> None:
        self.closed += 1
        self.output.put_nowait([(2, b"bye")])
        self.output.put_nowait([])


class Client:
    """What a client sends, and what reached it."""

    def __init__(self, *sent: bytes, gone: bool = False, stays: bool = False) -> None:
        self.sent = [*sent]
        self.got: list[bytes] = []
        self.gone, self.stays = gone, stays

    async def read(self) -> bytes:
        if self.sent:
            return self.sent.pop(0)
        if self.stays:
            await asyncio.Event().wait()
        return b""

    async def write(self, data: bytes) -> None:
        if self.gone:
            raise ConnectionResetError
        self.got.append(data)


async def run(process: Process, client: Client, **options: bool) -> None:
    chosen = {"framed": True, "takes_input": True, "ends_with_input": False, **options}
    async with asyncio.timeout(5):
        await pump(process, cast("HijackedConnection", client), **chosen)


@pytest.mark.parametrize(
    ("batch", "framed", "sent"),
    [
        ([(1, b"a"), (1, b"b"), (2, b"c"), (1, b"d")], True, frame(1, b"ab") + frame(2, b"c") + frame(1, b"d")),
        ([(1, b"a"), (2, b"b")], False, b"ab"),
        ([(1, b"")], True, b""),
        ([(1, b""), (2, b"x")], True, frame(2, b"x")),
    ],
)
def test_runs_of_one_stream_are_one_frame(batch: list[tuple[int, bytes]], framed: bool, sent: bytes) -> None:
    assert encode(batch, framed=framed) == sent


async def test_the_end_of_input_is_passed_on_and_output_still_comes() -> None:
    process, client = Process(), Client(b"one", b"two")
    await run(process, client)
    assert process.received == [b"one", b"two"]
    assert process.closed == 1
    assert client.got == [frame(1, b"one"), frame(1, b"two"), frame(2, b"bye")]


async def test_input_that_nobody_wants_is_read_and_dropped() -> None:
    process, client = Process(), Client(b"one")
    process.output.put_nowait([(1, b"out")])
    process.output.put_nowait([])
    await run(process, client, takes_input=False, framed=False)
    assert process.received == []
    assert process.closed == 0
    assert client.got == [b"out"]


async def test_the_end_of_input_ends_it_all_where_the_process_keeps_its_own() -> None:
    process, client = Process(), Client(b"one")
    process.close_stdin = _nothing  # type: ignore[method-assign]
    await run(process, client, ends_with_input=True)
    assert process.received == [b"one"]


async def _nothing() -> None:
    pass


async def test_the_detach_keys_end_it_for_a_client_that_stays() -> None:
    process, client = Process(), Client(b"leave", b"more", stays=True)
    await run(process, client, ends_with_input=True)
    assert process.received == [b"leave"]


async def test_the_end_of_output_ends_it_for_a_client_that_says_nothing() -> None:
    process, client = Process(), Client(stays=True)
    process.output.put_nowait([(1, b"x")])
    process.output.put_nowait([])
    await run(process, client)
    assert client.got == [frame(1, b"x")]


async def test_a_client_that_has_gone_ends_it_quietly() -> None:
    process, client = Process(), Client(gone=True, stays=True)
    process.output.put_nowait([(1, b"x")])
    await run(process, client)
