"""Answers that are written piece by piece: progress, events, logs, archives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from compat_api.body_reader import iterate_off_loop
from compat_api.replies import Chunks
from engine.go_json import bytes_of, dumps, dumps_escaped, escaped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Iterator


class Body(Protocol):
    """What takes the bytes: compat_api.replies.Chunks, or aiohttp's own."""

    def write(self, data: bytes | bytearray | memoryview) -> Awaitable[None]:
        """Send bytes; raises ConnectionResetError when the client has gone."""


class Stream:
    """The body of an answer whose head is out. Writing waits while the client reads too slowly."""

    def __init__(self, body: Body) -> None:
        self._body = body

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; raises ConnectionResetError when the client has gone."""
        if data:
            await self._body.write(data)

    async def write_last(self, data: bytes) -> None:
        """Send bytes behind which none come."""
        if isinstance(self._body, Chunks):
            await self._body.write_last(data)
        else:
            await self.write(data)

    async def pour(self, pieces: Iterator[bytes]) -> None:
        """Send what an iterator gives, which is run in a thread and closed at the end."""
        if isinstance(self._body, Chunks):
            await self._body.pour(pieces)
            return
        async for piece in iterate_off_loop(lambda: pieces):
            await self.write(piece)

    async def line(self, value: Any) -> None:
        """Send a value as one line of JSON, as Go's encoder writes it by default."""
        await self.lines([value])

    async def lines(self, values: Iterable[Any]) -> None:
        """Send values that are there together as such lines."""
        await self.write(bytes_of(escaped("".join([f"{dumps(value)}\n" for value in values]))))

    async def last_line(self, value: Any) -> None:
        """Send a value as one line of JSON behind which nothing comes."""
        await self.write_last(bytes_of(dumps_escaped(value) + "\n"))

    async def progress(self, *values: Any) -> None:
        """Send values as dockerd sends messages about progress: JSON, each ended by CR LF."""
        await self.write(bytes_of("".join(dumps_escaped(value) + "\r\n" for value in values)))

    async def error(self, message: str) -> None:
        """Send an error as dockerd does when the head is out already."""
        await self.progress({"errorDetail": {"message": message}, "error": message})
