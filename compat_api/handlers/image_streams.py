"""Images as archives: what comes in by load and import, and what goes out by save."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from compat_api import platforms
from compat_api.answers import Answer
from compat_api.body_reader import BodyReader, iterate_off_loop
from compat_api.errors import status_and_words
from compat_api.log import logger
from compat_api.problems import Problem
from compat_api.shapes import images as shapes

if TYPE_CHECKING:
    from compat_api.request import Request


async def load(request: Request) -> Answer:
    """Load the images of an archive; like dockerd, tell of everything that goes wrong in the stream."""
    platform = platforms.wanted_once(request, "1.48")
    quiet = request.query.flag("quiet", default=True)
    body = BodyReader(request.http)
    loaded = iterate_off_loop(partial(request.engine.images.load, body, platform))
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
        _, words, expected = status_and_words(error)
        if not expected:
            logger.exception("Cannot load an archive")
        stream = stream or await request.stream()
        await stream.error(words)
    finally:
        await loaded.aclose()
    if stream is None:
        await request.stream()
    return None


async def create(request: Request) -> Answer:
    """Pull an image, or make one from a tar archive."""
    if request.query.get("fromImage"):
        return await _pull(request)
    source = request.query.get("fromSrc")
    if source != "-":
        raise Problem(f'importing from the URL "{source}" is not supported by this engine', status=501)
    query = request.query
    made = await request.call(
        request.engine.images.import_image,
        BodyReader(request.http),
        query.get("repo"),
        query.get("tag"),
        query.get("message") or f"Imported from {source}",
        query.all("changes"),
        query.get("platform") if request.since("1.32") else "",
    )
    stream = await request.stream()
    await stream.progress({"status": made})
    return None


async def save(request: Request) -> Answer:
    """Send an archive of one image or of several."""
    names = [request.name] if request.name else request.query.all("names")
    platform = platforms.wanted_once(request, "1.48")
    pieces = iterate_off_loop(partial(request.engine.images.save, names, platform))
    try:
        first = await anext(pieces)  # what is wrong with the names is found before the head goes out
        stream = await request.stream("application/x-tar")
        await stream.write(first)
        async for piece in pieces:
            await stream.write(piece)
    finally:
        await pieces.aclose()
    return None


async def _pull(request: Request) -> Answer:
    from engine.images.reference import parse, parse_target

    query = request.query
    name, text = query.get("fromImage").removesuffix(":"), query.get("tag")
    reference = parse_target(name, text) if text and not text.startswith("sha256:") else parse(name)
    assert reference is not None
    raise Problem(f"cannot pull {reference.familiar}: this engine does not pull from registries yet")
