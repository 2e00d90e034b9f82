"""A container's input and output: attaching to it, and reading its log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from compat_api.answers import Answer
from compat_api.framing import RAW_STREAM, content_type, frame
from compat_api.problems import BadRequest, Problem
from compat_api.pump import pump
from compat_api.query import go_integer
from compat_api.shapes.times import SECOND, rfc3339_nano_fixed
from engine.containers.attach import AttachOptions
from engine.containers.detach_keys import parse
from engine.containers.logs import LogOptions
from engine.errors import EngineError

if TYPE_CHECKING:
    from compat_api.request import Request
    from compat_api.stream import Stream
    from engine.containers.log_format import LogEntry

CHUNK = 65536  # bytes of log that are sent at once
WAITING = 4 * CHUNK  # bytes of log that wait for a slow client


async def attach(request: Request) -> Answer:
    """Connect the client to a container's stdio, also before it starts."""
    query, containers = request.query, request.engine.containers
    options = AttachOptions(
        stdin=query.flag("stdin"),
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        logs=query.flag("logs"),
        stream=query.flag("stream"),
        detach_keys=query.get("detachKeys"),
    )
    try:
        parse(options.detach_keys)
        attachment = await containers.attach(request.name, options)
    except EngineError as error:
        return await _refuse(request, error)
    try:
        # dockerd ends the whole connection with the client's input where the container's own stays open.
        keeps_input = options.stdin and not (await request.call(containers.get, request.name)).config.stdin_once
        client = await request.hijack(content_type(tty=attachment.tty, version=request.version))
        await pump(
            attachment,
            client,
            framed=not attachment.tty,
            takes_input=options.stdin,
            ends_with_input=attachment.tty or keeps_input,
        )
        client.close()
    finally:
        await attachment.close()
    return None


async def logs(request: Request) -> Answer:
    """Send a container's log, and with follow what is added to it."""
    query = request.query
    stdout, stderr = query.flag("stdout"), query.flag("stderr")
    if not (stdout or stderr):
        raise BadRequest("Bad parameters: you must choose at least one stream")
    options = LogOptions(
        stdout=stdout,
        stderr=stderr,
        since=_moment(query.get("since")),
        until=_moment(query.get("until")),
        timestamps=query.flag("timestamps"),
        follow=query.flag("follow"),
        tail=_tail(query.get("tail")),
        details=query.flag("details"),
    )
    container, entries = await request.engine.containers.logs(request.name, options)
    tty = container.config.tty
    stream = await request.stream(content_type(tty=tty, version=request.version))
    await _send_log(stream, entries, options, framed=not tty)
    return None


async def _refuse(request: Request, error: EngineError) -> Answer:
    """Answer an error as attach does: as plain text in a response without a length."""
    from http import HTTPStatus

    from compat_api.errors import status_and_words

    status, words, _ = status_and_words(error)
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {RAW_STREAM}\r\n\r\n{words}\r\n"
    (await request.hijack(None, head=head.encode())).close()
    return None


async def _send_log(stream: Stream, entries: AsyncIterator[LogEntry], options: LogOptions, *, framed: bool) -> None:
    """Send messages as they come; those that are there at once go out together."""
    waiting = bytearray()
    there, taken = asyncio.Event(), asyncio.Event()

    async def gather() -> None:
        async for entry in entries:
            data = line(entry, options)
            waiting.extend(frame(entry.stream, data) if framed else data)
            there.set()
            while len(waiting) >= WAITING:
                taken.clear()
                await taken.wait()

    gathering = asyncio.create_task(gather(), name="gather log")
    gathering.add_done_callback(lambda _: there.set())
    try:
        while not gathering.done() or waiting:
            await there.wait()
            if not gathering.done():
                there.clear()
            data = bytes(waiting[:CHUNK])
            del waiting[:CHUNK]
            if waiting:
                there.set()
            taken.set()
            await stream.write(data)
        gathering.result()
    finally:
        gathering.cancel()
        await asyncio.gather(gathering, return_exceptions=True)


def line(entry: LogEntry, options: LogOptions) -> bytes:
    """Return a message with the time and the attributes that were asked for."""
    if not (options.timestamps or options.details):
        return entry.data
    prefix = ""
    if options.timestamps:
        prefix = rfc3339_nano_fixed(entry.time) + " "
    if options.details:
        pairs = sorted(entry.attributes.items())
        prefix += ",".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in pairs) + " "
    return prefix.encode() + entry.data


def _tail(text: str) -> int | None:
    """Return how many messages; what is no number, and a negative one, means all."""
    try:
        count = int(text)
    except ValueError:
        return None
    return None if count < 0 else count


def _moment(text: str) -> int:
    """Return a time, given in seconds since 1970 with a fraction or without; 0 for none."""
    if not text:
        return 0
    seconds, dot, fraction = text.partition(".")
    try:
        nanoseconds = go_integer(seconds) * SECOND
        if dot:
            nanoseconds += int(go_integer(fraction) * 10.0 ** (9 - len(fraction)))
    except BadRequest as problem:
        raise Problem(problem.message) from None
    return nanoseconds
