"""Images as archives: what comes in by load, and what goes out by save."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from compat_api import platforms, versions
from compat_api.answers import Answer
from compat_api.body_reader import iterate_off_loop
from compat_api.errors import status_and_words
from compat_api.log import logger
from compat_api.saying import answering
from compat_api.sending import send
from compat_api.shapes import images as shapes
from engine.errors import InvalidReference

if TYPE_CHECKING:
    from compat_api.request import Request
    from compat_api.stream import Stream


async def load(request: Request) -> Answer:
    """Load the images of an archive; like dockerd, tell of everything that goes wrong in the stream."""
    platform = platforms.wanted_once(request, versions.IMAGES_BY_PLATFORM)
    quiet = request.query.flag("quiet", default=True)
    body = request.body_reader()
    loaded = iterate_off_loop(partial(request.engine.images.load, body, platform, request.check_image))
    stream = None
    try:
        async for event in loaded:
            line = shapes.loaded(event, quiet=quiet)
            if line is not None:
                stream = stream or await request.stream()
                await stream.progress(line)
    except ConnectionError:
        raise
    except Exception as error:
        stream = stream or await request.stream()
        await tell(stream, error)
    finally:
        await loaded.aclose()
    if stream is None:
        await request.stream()
    return None


async def save(request: Request) -> Answer:
    """Send an archive of one image or of several."""
    names = [request.name] if request.name else request.query.all("names")
    platform = platforms.wanted_once(request, versions.IMAGES_BY_PLATFORM)
    with answering(500, InvalidReference):
        return await send(request, "application/x-tar", partial(request.engine.images.save, names, platform))


async def tell(stream: Stream, error: Exception) -> None:
    """Say in a stream what went wrong, as its head is out already."""
    _, words, expected = status_and_words(error)
    if not expected:
        logger.error("Unexpected failure while an archive was read", exc_info=error)
    await stream.error(words)
