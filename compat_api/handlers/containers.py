"""Making, showing, naming and removing containers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from compat_api import versions
from compat_api.answers import Answer, Empty, Json, Written
from compat_api.problems import BadRequest
from compat_api.saying import answering, atoi, saying
from engine.errors import NotFound
from engine.kept import Kept

if TYPE_CHECKING:
    from compat_api.models.containers import CreateBody
    from compat_api.request import Request
    from compat_api.shapes.containers import Json as Shape
    from engine import Engine
    from engine.containers.listing import ListQuery
    from engine.containers.record import Container

_inspected: Kept[bytes] = Kept(256)  # of some 5 KB each


async def list_(request: Request) -> Answer:
    """List containers."""
    from engine.containers.listing import ListQuery

    query = request.query
    filters = query.filters()
    wanted = ListQuery(all=query.flag("all"), limit=atoi(query, "limit") or 0, filters=filters)
    found = await request.hurry(_summaries, request.engine, wanted, query.flag("size"))
    if not request.since(versions.ANNOTATIONS_IN_LIST):
        for each in found:
            each["HostConfig"] = {"NetworkMode": each["HostConfig"]["NetworkMode"]}
    return Json(found)


async def create(request: Request) -> Answer:
    """Make a container."""
    from compat_api.create_request import adapt, records, told
    from engine.containers.create import CreateRequest

    body: CreateBody = await request.body(required=True)
    if not body.model_fields_set - {"host_config", "networking_config"}:
        raise BadRequest("config cannot be empty in order to create a container")
    warnings = adapt(body, request.version)
    config, host, endpoints = records(body)
    platform = request.query.get("platform") if request.since(versions.CREATE_TAKES_PLATFORM) else ""
    once = not request.since(versions.READ_ONLY_RECURSIVE)
    wanted = CreateRequest(
        request.query.get("name"), config, host, endpoints, platform, told=told(body), read_only_once=once
    )
    made = await request.call(request.engine.containers.create, wanted)
    return Json({"Id": made.id, "Warnings": [*made.warnings, *warnings]}, status=201)


async def inspect(request: Request) -> Answer:
    """Show one container."""
    return Written(await request.hurry(_inspect, request, request.query.flag("size")))


async def remove(request: Request) -> Answer:
    """Remove a container."""
    query, containers = request.query, request.engine.containers
    if query.flag("link"):
        await request.call(containers.remove_link, request.name)
        return Empty()
    await request.call(containers.remove, request.name, force=query.flag("force"), volumes=query.flag("v"))
    return Empty()


async def rename(request: Request) -> Answer:
    """Give a container another name."""
    from engine.containers.remove import InvalidName
    from engine.errors import NameInUse

    new_name = request.query.get("name")
    if not new_name:
        raise BadRequest("Neither old nor new names may be empty")
    with saying("Error when allocating new name", InvalidName, NameInUse):
        await request.call(request.engine.containers.rename, request.name, "/" + new_name.removeprefix("/"))
    return Empty()


async def prune(request: Request) -> Answer:
    """Remove the containers that do not run."""
    from engine.filters import BadTime

    with answering(400, BadTime):
        pruned = await request.call(request.engine.containers.prune, request.query.filters())
    return Json({"ContainersDeleted": pruned.ids or None, "SpaceReclaimed": pruned.bytes})


def _summaries(engine: Engine, query: ListQuery, with_sizes: bool) -> list[Shape]:
    from compat_api.shapes.containers import summary

    ids: dict[str, str | None] = {}
    now = time.time_ns()
    links = engine.containers.link_names()
    found = []
    for each in engine.containers.list(query):
        reference = each.config.image
        if reference not in ids:
            ids[reference] = _image_id(engine, reference)
        image = reference if ids[reference] == each.image_id else f"sha256:{each.image_id}"
        sizes = engine.containers.sizes(each) if with_sizes else None
        found.append(summary(each, image, now, sizes, links.get(each.id, ())))
    return found


def _image_id(engine: Engine, reference: str) -> str | None:
    try:
        return engine.images.resolve(reference).id
    except NotFound:
        return None


def _inspect(request: Request, with_sizes: bool) -> bytes:
    engine = request.engine
    container = engine.containers.current(request.name)
    sizes = engine.containers.sizes(container) if with_sizes else None
    graph = engine.containers.graph(container)
    links = engine.containers.links(container) if container.host.links else ()
    old_aliases = not request.since(versions.ALIASES_AS_ASKED)

    def write() -> bytes:
        from compat_api.rendering import written
        from compat_api.shapes.containers import inspect

        found = inspect(container, engine.settings.containers / container.id, graph, sizes, links)
        if old_aliases:
            _add_old_aliases(container, found["NetworkSettings"]["Networks"])
        return written(found)

    return _inspected.of(container.id, (container, sizes, graph, links, old_aliases, engine.settings), write)


def _add_old_aliases(container: Container, networks: Shape) -> None:
    """Name the container among its aliases, as versions before 1.45 did."""
    for name, endpoint in networks.items():
        if name not in ("default", "bridge", "host", "none"):
            own = [container.id[:12], container.config.hostname]
            endpoint["Aliases"] = list(dict.fromkeys([*(endpoint["Aliases"] or ()), *own]))
