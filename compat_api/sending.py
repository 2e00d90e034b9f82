"""Answers that are an archive, made while it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from compat_api.pieces import following

if TYPE_CHECKING:
    from compat_api.answers import Answer
    from compat_api.request import Request


async def send(request: Request, content_type: str, begin: Callable[[], Iterator[bytes]]) -> Answer:
    """Send what begin's iterator gives; what goes wrong before its first piece is the answer, as no head is out yet."""
    first, pieces = await request.call(_begun, begin)
    stream = await request.stream(content_type)
    await stream.pour(following([first], pieces))
    return None


def _begun(begin: Callable[[], Iterator[bytes]]) -> tuple[bytes, Iterator[bytes]]:
    """Look up what is asked for, which may wait for others, and make the first piece."""
    pieces = begin()
    return next(pieces, b""), pieces
