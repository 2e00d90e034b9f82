"""Listing, showing, naming and removing images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compat_api import platforms, versions
from compat_api.answers import Answer, Empty, Json, Written
from compat_api.problems import BadRequest
from compat_api.rendering import written
from compat_api.saying import answering
from compat_api.shapes import images as shapes
from engine.kept import Kept

if TYPE_CHECKING:
    from compat_api.request import Request

_inspected: Kept[bytes] = Kept(64)


async def list_(request: Request) -> Answer:
    """List images."""
    from engine.images.listing import ImageQuery

    query = request.query
    filters = query.filters()
    if not request.since(versions.NO_FILTER_PARAMETER) and query.get("filter"):
        filters.setdefault("reference", []).append(query.get("filter"))
    wanted = ImageQuery(query.flag("all"), filters, request.since(versions.SHARED_SIZE) and query.flag("shared-size"))
    found = await request.hurry(request.engine.images.list, wanted)
    return Json([shapes.summary(each, request.version) for each in found])


async def inspect(request: Request) -> Answer:
    """Show one image."""
    platform = platforms.wanted(request, versions.INSPECT_BY_PLATFORM)
    if platform and request.query.flag("manifests"):
        raise BadRequest("conflicting options: manifests and platform options cannot both be set")
    found = await request.hurry(request.engine.images.inspect, request.name, platform)
    sources = (found, request.version)
    return Written(_inspected.of(found.id, sources, lambda: written(shapes.inspect(*sources), escaped=True)))


async def history(request: Request) -> Answer:
    """Show how an image was made."""
    platform = platforms.wanted(request, versions.IMAGES_BY_PLATFORM)
    found = await request.hurry(request.engine.images.history, request.name, platform)
    return Json([shapes.history(each) for each in found])


async def tag(request: Request) -> Answer:
    """Give an image another name."""
    from engine.errors import InvalidReference
    from engine.images.reference import parse_target
    from engine.images.tag import check_name

    repository, text = request.query.get("repo"), request.query.get("tag")
    target = parse_target(repository, text)
    if target is None:
        return Empty(200)
    check_name(target)
    with answering(404, InvalidReference):
        await request.call(request.engine.images.tag, request.name, repository, text)
    return Empty(201)


async def remove(request: Request) -> Answer:
    """Take a name from an image, or the image away."""
    if not request.name.strip():
        raise BadRequest("image name cannot be blank")
    query = request.query
    named = query.all("platforms") if request.since(versions.REMOVE_BY_PLATFORM) else []
    wanted = [platforms.parse(text) for text in named]
    if len(wanted) > 1:
        raise BadRequest("multiple platforms are not supported")
    removed = await request.call(
        request.engine.images.remove,
        request.name,
        force=query.flag("force"),
        no_prune=query.flag("noprune"),
        platform=wanted[0] if wanted else None,
    )
    return Json([shapes.removed(each) for each in removed])


async def prune(request: Request) -> Answer:
    """Remove the images that nothing needs."""
    pruned = await request.call(request.engine.images.prune, request.query.filters())
    removed = [shapes.removed(each) for each in pruned.removed]
    return Json({"ImagesDeleted": removed or None, "SpaceReclaimed": pruned.bytes})
