"""Answers that are an archive, made while it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from compat_api.body_reader import iterate_off_loop

if TYPE_CHECKING:
    from compat_api.answers import Answer
    from compat_api.request import Request


async def send(request: Request, content_type: str, begin: Callable[[], Iterator[bytes]]) -> Answer:
    """Send what begin's iterator gives; what it raises before its first piece is the answer, as no head is out yet."""
    pieces = iterate_off_loop(begin)
    try:
        first = await anext(pieces)
        stream = await request.stream(content_type)
        await stream.write(first)
        async for piece in pieces:
            await stream.write(piece)
    finally:
        await pieces.aclose()
    return None
