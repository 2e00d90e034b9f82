"""Images from registries and to registries, with dockerd's lines of progress."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from compat_api import platforms, registry_auth, versions
from compat_api.answers import Answer, Json
from compat_api.handlers.image_streams import tell
from compat_api.problems import BadRequest, Problem
from compat_api.shapes import images as shapes
from engine.images.reference import Reference, is_digest, parse, parse_any, parse_target

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from compat_api.request import Request
    from engine.images.platform import Platform
    from engine.images.progress import TransferEvent


async def pull(request: Request, platform: str) -> Answer:
    """Pull an image, or all of a repository's where no tag is given."""
    query = request.query
    reference = wanted(query.get("fromImage"), query.get("tag"))
    credentials = registry_auth.decode(request.header(registry_auth.HEADER))
    return await _stream(request, request.engine.images.pull(reference, _platform(platform), credentials))


async def push(request: Request) -> Answer:
    """Push an image's tag, or all tags of its repository where none is given."""
    platform = platforms.wanted_once(request, versions.PUSH_BY_PLATFORM)
    reference, tag = parse(request.name), request.query.get("tag")
    if tag:
        target = parse_target(reference.name, tag)
        assert target is not None
        reference = target
    credentials = registry_auth.decode(request.header(registry_auth.HEADER))
    return await _stream(request, request.engine.images.push(reference, platform, credentials))


async def distribution(request: Request) -> Answer:
    """Say what a name stands for in its registry."""
    reference = parse_any(request.name)
    if isinstance(reference, str):
        raise Problem("no manifest found for full image ID")
    credentials = registry_auth.decode(request.header(registry_auth.HEADER))
    return Json(shapes.distribution(await request.engine.images.distribution(reference, credentials)))


async def search(request: Request) -> Answer:
    """Search a registry."""
    query = request.query
    try:
        limit = query.integer("limit", function="Atoi")
    except BadRequest as problem:
        raise BadRequest(f"invalid limit specified: {problem.message}") from None
    credentials = registry_auth.decode(request.header(registry_auth.HEADER))
    found = await request.engine.images.search(query.get("term"), limit, query.filters(), credentials)
    return Json([shapes.found(each) for each in found])


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


def wanted(name: str, tag: str) -> Reference:
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
    from engine.images.platform import Platform
    from engine.images.platform_text import parse_any_platform

    return Platform(*parse_any_platform(text)) if text else None
