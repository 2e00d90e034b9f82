"""Carrying a process's stdio over a connection that was taken over from HTTP, both ways at once.

Memory is bounded on both ways: a batch of output waits until the client has taken the one before, and input until
the process's monitor has. A batch becomes one write, and pieces of one stream that follow each other one frame.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from compat_api.framing import header

if TYPE_CHECKING:
    from collections.abc import Sequence


class Stdio(Protocol):
    """The process's side; engine.containers.attach.Attachment is one."""

    detached: bool

    async def read(self) -> list[tuple[int, bytes]]:
        """Return pieces of output, none at the end."""

    async def write(self, data: bytes) -> None:
        """Pass input on."""

    async def close_stdin(self) -> None:
        """End the input."""


class Client(Protocol):
    """The client's side; compat_api.hijack.HijackedConnection is one, and compat_api.websocket.WebSocket."""

    async def read(self) -> bytes:
        """Return what the client sends, nothing at its end."""

    async def write(self, data: bytes) -> None:
        """Send output, waiting for a slow client; raises ConnectionError when it has gone."""


async def pump(stdio: Stdio, client: Client, *, framed: bool, takes_input: bool, ends_with_input: bool) -> None:
    """Carry output to the client, and input to the process, until the output ends or the client has gone.

    framed: stdout and stderr are told apart (compat_api.framing). takes_input: what the client sends is the
    process's input. ends_with_input: the end of the client's input ends it all, as dockerd does where the process's own
    input stays open.
    """
    output = asyncio.create_task(_outwards(stdio, client, framed), name="pump output")
    tasks = {output, asyncio.create_task(_inwards(stdio, client, takes_input), name="pump input")}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if output not in done and not (takes_input and ends_with_input and not stdio.detached):
            await asyncio.wait({output})
        for task in tasks:
            if task.done():
                task.result()
    except ConnectionError:
        pass  # the client has gone, and nobody is left to tell
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def encode(batch: Sequence[tuple[int, bytes]], *, framed: bool) -> bytes:
    """Return pieces of output as they are sent; framed, each run of one stream is a frame."""
    if not framed:
        return b"".join([data for _, data in batch])
    parts: list[bytes] = []
    run: list[bytes] = []
    current = 0
    for stream, data in batch:
        if stream != current:
            _add_frame(parts, current, run)
            current, run = stream, []
        run.append(data)
    _add_frame(parts, current, run)
    return b"".join(parts)


def _add_frame(parts: list[bytes], stream: int, run: list[bytes]) -> None:
    length = sum(map(len, run))
    if length:
        parts.append(header(stream, length))
        parts += run


async def _outwards(stdio: Stdio, client: Client, framed: bool) -> None:
    while batch := await stdio.read():
        await client.write(encode(batch, framed=framed))


async def _inwards(stdio: Stdio, client: Client, takes_input: bool) -> None:
    while data := await client.read():
        if takes_input:
            await stdio.write(data)
            if stdio.detached:
                return
    if takes_input:
        await stdio.close_stdin()
