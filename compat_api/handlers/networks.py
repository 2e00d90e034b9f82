"""Making, showing and removing networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compat_api.answers import Answer, Empty, Json, Written
from compat_api.problems import BadRequest
from compat_api.rendering import written
from compat_api.saying import answering
from compat_api.shapes import networks as shapes
from engine.errors import NoSuchNetwork
from engine.go_text import go_quote
from engine.kept import Kept
from engine.network import AmbiguousNetwork

if TYPE_CHECKING:
    from compat_api.models.networks import ConnectBody, DisconnectBody, NetworkCreateBody
    from compat_api.request import Request
    from engine import Engine
    from engine.network.create import NewNetwork

_listed: Kept[bytes] = Kept(1)  # the last list
_TRUTHS = ("", "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")


async def list_(request: Request) -> Answer:
    """List networks."""
    return Written(await request.look(_list, request.engine, request.query.filters()))


async def inspect(request: Request) -> Answer:
    """Show one network and the containers in it."""
    verbose = request.query.get("verbose")
    if verbose not in _TRUTHS:
        cause = f"strconv.ParseBool: parsing {go_quote(verbose)}: invalid syntax"
        raise BadRequest(f"invalid value for verbose: {verbose}: {cause}")
    return Json(await request.look(_inspect, request.engine, request.name, request.query.get("scope")))


async def remove(request: Request) -> Answer:
    """Remove a network that no container is in."""
    await request.call(request.engine.networks.remove, request.name)
    return Empty()


async def create(request: Request) -> Answer:
    """Make a network."""
    body: NetworkCreateBody = await request.body()
    made = await request.call(request.engine.networks.create, _asked(body))
    return Json({"Id": made.id, "Warning": ""}, status=201)


async def connect(request: Request) -> Answer:
    """Connect a container to a network."""
    from compat_api.create_request import endpoint_request

    body: ConnectBody = await request.body()
    wants = endpoint_request(body.endpoint_config)
    await request.call(request.engine.containers.connect, request.name, body.container, wants)
    return Empty(status=200)


async def disconnect(request: Request) -> Answer:
    """Disconnect a container from a network."""
    body: DisconnectBody = await request.body()
    await request.call(request.engine.containers.disconnect, request.name, body.container, force=body.force)
    return Empty(status=200)


async def prune(request: Request) -> Answer:
    """Remove the networks that no container is in."""
    from engine.filters import BadTime

    with answering(400, BadTime):
        removed = await request.call(request.engine.networks.prune, request.query.filters())
    return Json({"NetworksDeleted": removed or None})


def _asked(body: NetworkCreateBody) -> NewNetwork:
    from engine.network.create import NewNetwork
    from engine.network.ipam_settings import PoolRequest

    wanted = body.ipam
    pools = [
        PoolRequest(each.subnet, each.ip_range, each.gateway, dict(each.auxiliary_addresses or {}))
        for each in (wanted.config if wanted is not None else None) or ()
    ]
    return NewNetwork(
        name=body.name,
        driver=body.driver or "bridge",
        options=dict(body.options or {}),
        labels=dict(body.labels or {}),
        internal=body.internal,
        attachable=body.attachable,
        ingress=body.ingress,
        enable_ipv4=body.enable_ipv4,
        enable_ipv6=body.enable_ipv6,
        scope=body.scope,
        config_only=body.config_only,
        config_from=body.config_from.network if body.config_from is not None else "",
        ipam_driver=wanted.driver if wanted is not None else "",
        ipam_options=wanted.options if wanted is not None else None,
        pools=pools,
    )


def _list(engine: Engine, filters: dict[str, list[str]]) -> bytes:
    found = engine.networks.select(filters)
    return _listed.of("", tuple(found), lambda: written([shapes.network(each, []) for each in found]))


def _inspect(engine: Engine, name: str, scope: str) -> dict[str, Any]:
    try:
        found = engine.networks.resolve(name)
    except AmbiguousNetwork as error:
        problem = f"{error.count} matches found based on ID prefix: network {name} is ambiguous"
        raise BadRequest(problem) from error
    if scope not in ("", found.definition.scope):
        raise NoSuchNetwork(name)
    return shapes.network(found, engine.networks.endpoints(found.id))
