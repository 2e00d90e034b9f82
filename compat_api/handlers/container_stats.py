"""What a container uses: once, or every second until it is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compat_api import versions
from compat_api.answers import Answer, Json, Plain
from compat_api.problems import BadRequest
from compat_api.shapes.stats import stats as shape
from engine.runtime.usage import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from compat_api.request import Request
    from engine.containers.record import Container

    Samples = AsyncGenerator[tuple[Container, Usage], None]


async def stats(request: Request) -> Answer:
    """Tell what a container uses; without stream after a second, in which it looks twice, or with one-shot at once."""
    stream = request.query.flag("stream", default=True)
    one_shot = request.since(versions.ONE_SHOT) and request.query.flag("one-shot")
    container = await request.look(request.engine.containers.get, request.name)
    if stream and one_shot:
        raise BadRequest("cannot have stream=true and one-shot=true")
    nothing = Usage()
    if not stream and not container.state.alive:
        return Json(shape(nothing, nothing, name=container.name, container_id=container.id))
    if one_shot:
        usage = await request.call(request.engine.containers.usage, container)
        return Json(shape(usage, nothing))
    samples = request.engine.containers.stats(container.id)
    return await _stream(request, samples) if stream else await _second(samples)


async def _stream(request: Request, samples: Samples) -> Answer:
    before = Usage()
    stream = await request.stream(None)
    try:
        async for container, usage in samples:
            await stream.line(shape(usage, before, name=container.name, container_id=container.id))
            before = usage
    finally:
        await samples.aclose()
    return None


async def _second(samples: Samples) -> Answer:
    """Return the second sample, which the first one is needed for."""
    before = None
    try:
        async for container, usage in samples:
            if before is not None:
                return Json(shape(usage, before, name=container.name, container_id=container.id))
            before = usage
    finally:
        await samples.aclose()
    return Plain([("Content-Type", "application/json")])  # removed meanwhile
