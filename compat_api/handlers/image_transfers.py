"""Images from registries and to registries, with dockerd's lines of progress."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from compat_api import platforms, registry_auth
from compat_api.answers import Answer
from compat_api.handlers.image_streams import tell
from compat_api.shapes import images as shapes
from engine.images.reference import Reference, is_digest, parse, parse_target

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from compat_api.request import Request
    from engine.images.platform import Platform
    from engine.images.progress import TransferEvent


async def pull(request: Request, platform: str) -> Answer:
    """Pull an image, or all of a repository's where no tag is given."""
    query = request.query
    reference = _wanted(query.get("fromImage"), query.get("tag"))
    credentials = registry_auth.decode(request.header(registry_auth.HEADER))
    return await _stream(request, request.engine.images.pull(reference, _platform(platform), credentials))


async def push(request: Request) -> Answer:
    """Push an image's tag, or all tags of its repository where none is given."""
    platform = platforms.wanted_once(request, "1.46")
    reference, tag = parse(request.name), request.query.get("tag")
    if tag:
        target = parse_target(reference.name, tag)
        assert target is not None
        reference = target
    credentials = registry_auth.decode(request.header(registry_auth.HEADER))
    return await _stream(request, request.engine.images.push(reference, platform, credentials))


async def _stream(request: Request, events: AsyncGenerator[TransferEvent]) -> Answer:
    """Send what happens as it does; what goes wrong before anything did is an answer of its own."""
    stream = None
    async with aclosing(events):
        try:
            async for event in events:
                line = shapes.transferred(event)
                if line is not None:
                    stream = stream or await request.stream()
                    await stream.progress(line)
        except ConnectionError:
            raise
        except Exception as error:
            if stream is None:
                raise
            await tell(stream, error)
    return None


def _wanted(name: str, tag: str) -> Reference:
    """Return what is to be pulled; tag may be a digest, too."""
    found = parse(name.removesuffix(":"))
    if is_digest(tag):
        return Reference(found.domain, found.path, "", tag)
    if not tag:
        return found
    target = parse_target(found.name, tag)
    assert target is not None
    return Reference(found.domain, found.path, target.tag, found.digest)


def _platform(text: str) -> Platform | None:
    from engine.images.importing import parse_platform
    from engine.images.platform import Platform

    return Platform(*parse_platform(text)) if text else None
