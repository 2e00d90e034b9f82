"""Making, showing and removing volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compat_api import versions
from compat_api.answers import Answer, Empty, Json
from compat_api.problems import Problem
from compat_api.query import MalformedFilters
from compat_api.shapes import volumes as shapes

if TYPE_CHECKING:
    from compat_api.models.volumes import VolumeCreateBody
    from compat_api.request import Request
    from engine import Engine


async def list_(request: Request) -> Answer:
    """List volumes."""
    try:
        filters = request.query.filters()
    except MalformedFilters as error:
        raise MalformedFilters(f"error reading volume filters: {error}") from error
    found = await request.look(_list, request.engine, filters)
    return Json({"Volumes": found, "Warnings": None})


async def inspect(request: Request) -> Answer:
    """Show one volume."""
    return Json(shapes.volume(await request.look(request.engine.volumes.get, request.name)))


async def create(request: Request) -> Answer:
    """Make a volume, or find the one of this name."""
    body: VolumeCreateBody = await request.body()
    if body.cluster_volume_spec is not None and request.since(versions.CLUSTER_VOLUMES):
        from compat_api.handlers.swarm import NOT_MANAGER

        raise Problem(NOT_MANAGER, status=503)
    made = await request.call(
        request.engine.volumes.create,
        body.name or None,
        driver=body.driver,
        labels=body.labels,
        options=body.driver_opts,
    )
    return Json(shapes.volume(made), status=201)


async def remove(request: Request) -> Answer:
    """Remove a volume that no container has."""
    await request.call(request.engine.volumes.remove, request.name, force=request.query.flag("force"))
    return Empty()


async def prune(request: Request) -> Answer:
    """Remove the volumes that no container has: the anonymous ones, before version 1.42 all."""
    old = not request.since(versions.PRUNE_KEEPS_NAMED_VOLUMES)
    removed = await request.call(request.engine.volumes.prune, request.query.filters(), named=old)
    return Json({"VolumesDeleted": removed.names, "SpaceReclaimed": removed.bytes})


def _list(engine: Engine, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
    return [shapes.volume(each) for each in engine.volumes.select(filters)]
