"""A container's input and output: attaching to it, and reading its log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from compat_api import versions
from compat_api.answers import Answer
from compat_api.framing import RAW_STREAM, STDERR, STDOUT, content_type, header
from compat_api.problems import BadRequest, Problem
from compat_api.pump import pump
from compat_api.query import go_integer
from compat_api.shapes.times import SECOND
from engine.containers.attach import AttachOptions
from engine.containers.detach_keys import parse
from engine.containers.log_format import ERR, OUT, STAMP_BYTES
from engine.errors import EngineError

if TYPE_CHECKING:
    from compat_api.request import Request
    from compat_api.stream import Stream
    from engine.containers.attach import Attachment
    from engine.containers.log_format import Message
    from engine.containers.logs import LogOptions


async def attach(request: Request) -> Answer:
    """Connect the client to a container's stdio, also before it starts."""
    options = _attach_options(request, every=False)
    try:
        parse(options.detach_keys)
        attachment = await request.engine.containers.attach(request.name, options)
    except EngineError as error:
        return await _refuse(request, error)
    try:
        ends_with_input = await _ends_with_input(request, attachment)
        client = await request.hijack(content_type(tty=attachment.tty, version=request.version))
        await pump(
            attachment,
            client,
            framed=not attachment.tty,
            takes_input=options.stdin,
            ends_with_input=ends_with_input,
        )
        client.close()
    finally:
        await attachment.close()
    return None


async def attach_websocket(request: Request) -> Answer:
    """Connect the client to a container's stdio by WebSocket messages, which do not tell stdout from stderr."""
    from compat_api.websocket import WebSocket, handshake

    options = _attach_options(request, every=not request.since(versions.STREAMS_ARE_CHOSEN))
    parse(options.detach_keys)
    attachment = await request.engine.containers.attach(request.name, options)
    try:
        head, agreed = handshake(request.http.headers)
        raw = await request.hijack(None, head=head)
        if agreed:
            client = WebSocket(raw, binary=request.since(versions.WEBSOCKETS_ARE_BINARY))
            await pump(
                attachment,
                client,
                framed=False,
                takes_input=options.stdin,
                ends_with_input=await _ends_with_input(request, attachment),
            )
            if not raw.lost:
                await client.say_goodbye()
        raw.close()
    finally:
        await attachment.close()
    return None


def _attach_options(request: Request, *, every: bool) -> AttachOptions:
    """Read the query; every: all three streams, whatever it says of them."""
    query = request.query
    return AttachOptions(
        stdin=every or query.flag("stdin"),
        stdout=every or query.flag("stdout"),
        stderr=every or query.flag("stderr"),
        logs=query.flag("logs"),
        stream=query.flag("stream"),
        detach_keys=query.get("detachKeys"),
    )


async def _ends_with_input(request: Request, attachment: Attachment) -> bool:
    """Tell whether the end of the client's input ends it all, as in dockerd where the container's own stays open."""
    if attachment.tty or not attachment.options.stdin:
        return attachment.tty
    config = (await request.look(request.engine.containers.get, request.name)).config
    return config.open_stdin and not config.stdin_once


async def logs(request: Request) -> Answer:
    """Send a container's log, and with follow what is added to it."""
    from engine.containers.logs import LogOptions

    query = request.query
    stdout, stderr = query.flag("stdout"), query.flag("stderr")
    if not (stdout or stderr):
        raise BadRequest("Bad parameters: you must choose at least one stream")
    try:
        since, until = _moment(query.get("since")), _moment(query.get("until"))
    except Problem:  # told where nothing is wrong with the container
        await request.engine.containers.logs(request.name, LogOptions(tail=0))
        raise
    options = LogOptions(
        stdout=stdout,
        stderr=stderr,
        since=since,
        until=until,
        timestamps=query.flag("timestamps"),
        follow=query.flag("follow"),
        tail=_tail(query.get("tail")),
        details=query.flag("details"),
    )
    log = await request.engine.containers.logs(request.name, options)
    tty = log.container.config.tty
    stream = await request.stream(content_type(tty=tty, version=request.version), at_once=log.more is not None)
    render = renderer(options, log.attributes, framed=not tty)
    first = render(log.first)
    if log.more is None:
        await stream.write_last(first)
    else:
        await stream.write(first)
        await _send_log(stream, log.more, render)
    return None


async def _refuse(request: Request, error: EngineError) -> Answer:
    """Answer an error as attach does: as plain text in a response without a length."""
    from http import HTTPStatus

    from compat_api.errors import status_and_words

    status, words, _ = status_and_words(error)
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {RAW_STREAM}\r\n\r\n{words}\r\n"
    (await request.hijack(None, head=head.encode())).close()
    return None


async def _send_log(
    stream: Stream, batches: AsyncIterator[list[Message]], render: Callable[[list[Message]], bytes]
) -> None:
    """Send messages as they come; a batch is read while the client takes the one before."""
    waiting: asyncio.Queue[bytes] = asyncio.Queue(1)

    async def gather() -> None:
        try:
            async for batch in batches:
                if batch:
                    await waiting.put(render(batch))
        except Exception:
            await waiting.put(b"")
            raise
        await waiting.put(b"")

    gathering = asyncio.create_task(gather(), name="gather log")
    try:
        while data := await waiting.get():
            await stream.write(data)
        await gathering
    finally:
        gathering.cancel()
        await asyncio.gather(gathering, return_exceptions=True)
        close = getattr(batches, "aclose", None)
        if close is not None:
            await close()


class _Heads(dict[int, bytes]):
    """The heads of one stream's frames by the length of their data, each made once."""

    def __init__(self, stream: int) -> None:
        super().__init__()
        self._stream = stream

    def __missing__(self, length: int) -> bytes:
        self[length] = made = header(self._stream, length)
        return made


def renderer(options: LogOptions, attributes: dict[str, str], *, framed: bool) -> Callable[[list[Message]], bytes]:
    """Return what makes bytes of messages: with the time and the attributes that were asked for, each in a frame."""
    stamped = options.timestamps
    details = _pairs(attributes) + b" " if options.details else b""
    between = b"Z " + details
    more = STAMP_BYTES + len(between) if stamped else len(details)
    heads = {OUT: _Heads(STDOUT), ERR: _Heads(STDERR)}

    # Logs are large: each form has its own loop, with as little in it as can be.
    def render(batch: list[Message]) -> bytes:
        if framed and stamped:
            parts = [heads[kind][len(text) + more] + time + between + text for time, kind, _, text in batch]
        elif framed and details:
            parts = [heads[kind][len(text) + more] + details + text for _, kind, _, text in batch]
        elif framed:
            parts = [heads[kind][len(text)] + text for _, kind, _, text in batch]
        elif stamped:
            parts = [time + between + text for time, _, _, text in batch]
        else:
            parts = [details + text for _, _, _, text in batch]
        return b"".join(parts)

    return render


def _pairs(attributes: dict[str, str]) -> bytes:
    """Return a log's attributes as they stand before each line."""
    from urllib.parse import quote_plus

    return ",".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in sorted(attributes.items())).encode()


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
