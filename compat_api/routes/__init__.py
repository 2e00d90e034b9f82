"""The route table: everything that the API serves, as data, a module for each area.

A path's last variable {name:.*} takes slashes, others do not. Handlers and models are named as "module:name" below
compat_api.handlers and compat_api.models, and loaded when a request first needs them; the models of answers are only
for the OpenAPI document (compat_api.openapi), which is made from this table. An area's rows are tried in their order.
"""

from __future__ import annotations

import importlib

from compat_api.routes.route import Route

__all__ = ["AREAS", "Route", "all_routes", "routes_under"]

# A path's first segment, and the area whose module has its rows; the OpenAPI document has them in this order.
AREAS = {
    "_ping": "system",
    "version": "system",
    "info": "system",
    "openapi.json": "system",
    "auth": "system",
    "events": "system",
    "system": "system",
    "containers": "containers",
    "commit": "containers",
    "exec": "execs",
    "images": "images",
    "distribution": "images",
    "build": "build",
    "networks": "networks",
    "volumes": "volumes",
    "swarm": "swarm",
    "nodes": "swarm",
    "services": "swarm",
    "tasks": "swarm",
    "secrets": "swarm",
    "configs": "swarm",
    "plugins": "plugins",
    "session": "buildkit",
    "grpc": "buildkit",
}


def routes_under(segment: str) -> tuple[Route, ...]:
    """Return the rows of the area that a path's first segment belongs to, none for an unknown one."""
    return _rows(AREAS[segment]) if segment in AREAS else ()


def all_routes() -> tuple[Route, ...]:
    """Return every row."""
    return tuple(row for area in dict.fromkeys(AREAS.values()) for row in _rows(area))


def _rows(area: str) -> tuple[Route, ...]:
    rows: tuple[Route, ...] = importlib.import_module(f"compat_api.routes.{area}").ROUTES
    return rows
