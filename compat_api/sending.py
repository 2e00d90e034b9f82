"""Answers that are an archive, made while it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compat_api.answers import Answer
    from compat_api.request import Request


async def send(request: Request, content_type: str, begin: Callable[[], Iterator[bytes]]) -> Answer:
    """Send what begin's iterator gives; what it raises before its first piece is the answer, as no head is out yet."""
    pieces = begin()
    first = await request.call(next, pieces, b"")
    stream = await request.stream(content_type)
    await stream.pour(_whole(first, pieces))
    return None


def _whole(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
