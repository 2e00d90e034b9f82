"""Builds: making an image of a Dockerfile and its context, and the cache of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compat_api import versions
from compat_api.answers import Answer, Json, Plain
from compat_api.errors import status_and_words
from compat_api.log import logger
from compat_api.problems import BadRequest

if TYPE_CHECKING:
    from compat_api.request import Request
    from compat_api.stream import Stream


async def build(request: Request) -> Answer:
    """Build an image, telling what happens; what goes wrong before there is anything to tell is a plain answer."""
    from compat_api.build_options import build_request
    from compat_api.shapes.builds import line
    from engine.build.events import Built

    wanted = build_request(request, request.body_reader())
    quiet = request.query.flag("q")
    aux = request.since(versions.BUILD_TELLS_ID)
    held: list[dict[str, Any]] = []
    stream: Stream | None = None
    building = request.engine.builds.build(wanted)
    made = ""
    try:
        async for events in building:
            made = next((each.image_id for each in events if isinstance(each, Built)), made)
            lines = [each for event in events for each in line(event, aux=aux)]
            if quiet:
                held += lines
            elif lines:
                stream = stream or await request.stream()
                await stream.progress(*lines)
    except ConnectionError:
        raise
    except Exception as error:
        if stream is None and not held:
            raise
        stream = stream or await request.stream()
        await stream.progress(*held)
        await _tell(stream, error)
        return None
    finally:
        await building.aclose()
    stream = stream or await request.stream()
    if quiet:
        await stream.progress({"stream": f"{made}\n"})
    return None


async def _tell(stream: Stream, error: Exception) -> None:
    """Say in the stream what went wrong; a command's exit code goes with it."""
    from engine.build.errors import CommandFailed

    _, words, expected = status_and_words(error)
    if not expected:
        logger.error("Unexpected failure of a build", exc_info=error)
    detail: dict[str, Any] = {"message": words}
    if isinstance(error, CommandFailed):
        detail = {"code": error.code, "message": words}
    await stream.progress({"errorDetail": detail, "error": words})


async def prune(request: Request) -> Answer:
    """Remove what of the build cache nothing needs."""
    from engine.build.records import PruneRequest

    query = request.query
    new = request.since(versions.BUILD_PRUNE_KEEPS_SPACE_BY_NAME)
    wanted = PruneRequest(
        all=query.flag("all"),
        filters=query.filters(),
        reserved=((_size(request, "reserved-space") if new else 0) or _size(request, "keep-storage")),
        maximum=_size(request, "max-used-space") if new else 0,
        free=_size(request, "min-free-space") if new else 0,
    )
    pruned = await request.call(request.engine.builds.prune, wanted)
    return Json({"CachesDeleted": pruned.ids or None, "SpaceReclaimed": pruned.size})


def _size(request: Request, name: str) -> int:
    text = request.query.get(name)
    if not text:
        return 0
    try:
        return request.query.integer(name, function="Atoi")
    except BadRequest as error:
        raise BadRequest(f"{name} is in bytes and expects an integer, got {text}: {error}") from None


async def cancel(request: Request) -> Answer:
    """End a build of BuildKit, of which there are none: other builds end with their connection.

    Like dockerd, nothing is said of an id that no build has.
    """
    if not request.query.get("id"):
        raise BadRequest("build ID not provided")
    return Plain([("Content-Type", "application/json")])
