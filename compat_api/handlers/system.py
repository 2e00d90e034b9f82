"""What a client asks of the server itself: is it there, which version, what machine."""

from __future__ import annotations

from time import time

from compat_api.answers import Answer, Plain
from compat_api.headers import ping as ping_answer
from compat_api.request import Request


async def ping(request: Request) -> Answer:
    """Answer GET and HEAD /_ping, with the bytes that the front door sends."""
    headers, body = ping_answer(request.method, time())
    return Plain(headers, body, complete=True)
