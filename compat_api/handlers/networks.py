"""Showing networks, and refusing to remove those that always exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compat_api.answers import Answer, Json
from compat_api.problems import BadRequest, Problem
from compat_api.query import go_quote
from compat_api.shapes import networks as shapes
from engine.errors import NoSuchNetwork

if TYPE_CHECKING:
    from compat_api.request import Request
    from engine import Engine

_TRUTHS = ("", "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")


async def list_(request: Request) -> Answer:
    """List networks."""
    return Json(await request.call(_list, request.engine, request.query.filters()))


async def inspect(request: Request) -> Answer:
    """Show one network and the containers in it."""
    verbose = request.query.get("verbose")
    if verbose not in _TRUTHS:
        cause = f"strconv.ParseBool: parsing {go_quote(verbose)}: invalid syntax"
        raise BadRequest(f"invalid value for verbose: {verbose}: {cause}")
    if request.query.get("scope") not in ("", "local"):
        raise NoSuchNetwork(request.name)
    return Json(await request.call(_inspect, request.engine, request.name))


async def remove(request: Request) -> Answer:
    """Remove a network, which the ones that always exist cannot be."""
    found = await request.call(request.engine.networks.resolve, request.name)
    raise Problem(f"{found.name} is a pre-defined network and cannot be removed", status=403)


def _list(engine: Engine, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
    return [shapes.network(found, []) for found in engine.networks.select(filters)]


def _inspect(engine: Engine, name: str) -> dict[str, Any]:
    found = engine.networks.resolve(name)
    return shapes.network(found, engine.networks.endpoints(found.id))
