"""What images, containers and volumes take on disk."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from compat_api import versions
from compat_api.answers import Answer, Json
from compat_api.problems import BadRequest
from compat_api.shapes import containers, images, volumes
from compat_api.shapes.builds import cache_record
from engine.containers.listing import ListQuery
from engine.errors import NotFound
from engine.filters import has_labels
from engine.volumes.size import folder_size

if TYPE_CHECKING:
    from compat_api.request import Request
    from engine import Engine

Filters = dict[str, list[str]]
KINDS = ("container", "image", "volume", "build-cache")


async def usage(request: Request) -> Answer:
    """Sum up what takes room, or only the kinds that are asked for."""
    kinds = request.query.all("type") if request.since(versions.USAGE_BY_TYPE) else []
    for kind in kinds:
        if kind not in KINDS:
            raise BadRequest(f"unknown object type: {kind}")
    return Json(await request.call(_usage, request.engine, set(kinds or KINDS), request.version, request.scope))


def _usage(engine: Engine, kinds: set[str], api: tuple[int, ...], scope: str) -> dict[str, Any]:
    """Return the answer; with a scope only what has that label counts, which the build cache has not."""
    filters = {"label": [scope]} if scope else {}
    found: dict[str, Any] = {"LayersSize": 0, "Images": None, "Containers": None, "Volumes": None, "BuildCache": None}
    if "image" in kinds:
        found["Images"] = _images(engine, api, filters)
        found["LayersSize"] = sum(each["Size"] for each in found["Images"]) if scope else engine.images.layers_size()
    if "container" in kinds:
        found["Containers"] = _containers(engine, filters)
    if "volume" in kinds:
        found["Volumes"] = _volumes(engine, filters)
    if "build-cache" in kinds:
        found["BuildCache"] = [] if scope else [cache_record(each) for each in engine.builds.records()]
    if api < versions.USAGE_BY_TYPE:
        found["BuilderSize"] = sum(each["Size"] for each in found["BuildCache"] or ())
    return found


def _images(engine: Engine, api: tuple[int, ...], filters: Filters) -> list[dict[str, Any]]:
    from engine.images.listing import ImageQuery

    shown = []
    for each in engine.images.list(ImageQuery(shared_size=True, filters=filters)):
        summary = images.summary(each, (1, 51))
        summary |= {"RepoTags": each.repo_tags or None, "RepoDigests": each.repo_digests or None}
        shown.append({**summary, "VirtualSize": each.size} if api < versions.NO_VIRTUAL_SIZE else summary)
    return shown


def _containers(engine: Engine, filters: Filters) -> list[dict[str, Any]]:
    now = time.time_ns()
    shown = []
    for each in engine.containers.list(ListQuery(all=True, filters=filters)):
        try:
            same = engine.images.resolve(each.config.image).id == each.image_id
        except NotFound:
            same = False
        name = each.config.image if same else f"sha256:{each.image_id}"
        shown.append(containers.summary(each, name, now, engine.containers.sizes(each)))
    return shown


def _volumes(engine: Engine, filters: Filters) -> list[dict[str, Any]]:
    return [
        volumes.volume(each)
        | {"UsageData": {"RefCount": len(engine.volumes.users(each.name)), "Size": folder_size(each.path)}}
        for each in engine.volumes.list()
        # What the options of a volume name is elsewhere.
        if not each.definition.options and has_labels(each.definition.labels, filters.get("label", []))
    ]
