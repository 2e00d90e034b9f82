"""Images: listing, showing, naming, removing, and their archives."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from compat_api import platforms
from compat_api.answers import Answer, Empty, Json
from compat_api.body_reader import BodyReader, iterate_off_loop
from compat_api.errors import status_and_words
from compat_api.problems import BadRequest, Problem
from compat_api.shapes import images as shapes
from engine.images.listing import ImageQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compat_api.platforms import Platform
    from compat_api.request import Request
    from engine import Engine
    from engine.images.record import HistoryEntry, ImageDetails, Removed

TAR = "application/x-tar"


async def list_(request: Request) -> Answer:
    """List images."""
    query = request.query
    filters = query.filters()
    if not request.since("1.41") and query.get("filter"):
        filters.setdefault("reference", []).append(query.get("filter"))
    wanted = ImageQuery(query.flag("all"), filters, request.since("1.42") and query.flag("shared-size"))
    found = await request.call(request.engine.images.list, wanted)
    return Json([shapes.summary(each, request.version) for each in found])


async def inspect(request: Request) -> Answer:
    """Show one image."""
    query = request.query
    platform = platforms.wanted(request, "1.49")
    if platform and request.since("1.48") and query.flag("manifests"):
        raise BadRequest("conflicting options: manifests and platform options cannot both be set")
    found = await request.call(request.engine.images.inspect, request.name)
    _check_platform(request.name, found, platform)
    return Json(shapes.inspect(found, request.version))


async def history(request: Request) -> Answer:
    """Show how an image was made."""
    platform = platforms.wanted(request, "1.48")
    if platform:
        _check_platform(request.name, await request.call(request.engine.images.inspect, request.name), platform)
    return Json([shapes.history(each) for each in await request.call(_history, request.engine, request.name)])


async def tag(request: Request) -> Answer:
    """Give an image another name."""
    repository, text = request.query.get("repo"), request.query.get("tag")
    await request.call(request.engine.images.tag, request.name, repository, text)
    return Empty(201 if repository else 200)


async def remove(request: Request) -> Answer:
    """Take a name from an image, or the image away."""
    if not request.name.strip():
        raise BadRequest("image name cannot be blank")
    if request.since("1.50") and (texts := request.query.all("platforms")):
        for text in texts:
            platform = platforms.parse(text)
            _check_platform(request.name, await request.call(request.engine.images.inspect, request.name), platform)
    force, no_prune = request.query.flag("force"), request.query.flag("noprune")
    removed = await request.call(_remove, request.engine, request.name, force, no_prune)
    return Json([shapes.removed(each) for each in removed])


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


async def load(request: Request) -> Answer:
    """Load the images of an archive, telling of them as they come in."""
    platforms.wanted(request, "1.48")
    quiet = request.query.flag("quiet", default=True)
    body = BodyReader(request.http)
    stream = await request.stream()
    loaded = iterate_off_loop(partial(request.engine.images.load, body))
    try:
        async for event in loaded:
            line = shapes.loaded(event, quiet=quiet)
            if line is not None:
                await stream.progress(line)
    except Exception as error:
        _, words, expected = status_and_words(error)
        if not expected:
            from compat_api.log import logger

            logger.exception("Cannot load an archive")
        await stream.error(words)
    finally:
        await loaded.aclose()
    return None


async def save(request: Request) -> Answer:
    """Send an archive of one image or of several."""
    names = [request.name] if request.name else request.query.all("names")
    platform = platforms.wanted(request, "1.48")
    if platform:
        for name in names:
            _check_platform(name, await request.call(request.engine.images.inspect, name), platform)
    pieces = iterate_off_loop(partial(_saved, request.engine, names))
    try:
        first = await anext(pieces)  # what is wrong with the names is found before the head goes out
        stream = await request.stream(TAR)
        await stream.write(first)
        async for piece in pieces:
            await stream.write(piece)
    finally:
        await pieces.aclose()
    return None


async def _pull(request: Request) -> Answer:
    """Answer a pull: of an image that is here nothing is to be done; no registry is asked."""
    from engine.images.reference import parse, parse_target

    query = request.query
    name, text = query.get("fromImage").removesuffix(":"), query.get("tag")
    reference = parse_target(name, text) if text and not text.startswith("sha256:") else parse(name)
    assert reference is not None
    raise Problem(
        f"cannot pull {reference.familiar}: pulling from registries is not supported by this engine", status=501
    )


def _check_platform(name: str, found: ImageDetails, platform: Platform | None) -> None:
    """Refuse an image that is not for the wanted platform."""
    if platform is None:
        return
    has = platforms.Platform(found.os, found.architecture, found.variant if platform.variant else "")
    if has != platform:
        words = f"image with reference {name} was found but its platform ({has}) does not match the specified platform"
        raise Problem(f"{words} ({platform})", status=404)


def _history(engine: Engine, name: str) -> list[HistoryEntry]:
    return list(engine.images.history(name))


def _remove(engine: Engine, name: str, force: bool, no_prune: bool) -> list[Removed]:
    return list(engine.images.remove(name, force=force, no_prune=no_prune))


def _saved(engine: Engine, names: list[str]) -> Iterator[bytes]:
    yield from engine.images.save(names)
