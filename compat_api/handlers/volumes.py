"""Making, showing and removing volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compat_api.answers import Answer, Empty, Json
from compat_api.shapes import volumes as shapes

if TYPE_CHECKING:
    from compat_api.request import Request
    from engine import Engine


async def list_(request: Request) -> Answer:
    """List volumes."""
    found = await request.call(_list, request.engine, request.query.filters())
    return Json({"Volumes": found, "Warnings": None})


async def inspect(request: Request) -> Answer:
    """Show one volume."""
    return Json(shapes.volume(await request.call(request.engine.volumes.get, request.name)))


async def create(request: Request) -> Answer:
    """Make a volume, or find the one of this name."""
    from compat_api.models.volumes import VolumeCreateBody

    body = await request.body(VolumeCreateBody)
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


def _list(engine: Engine, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
    return [shapes.volume(each) for each in engine.volumes.select(filters)]
