"""What is inside a container: its processes, what it changed, and all its files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from compat_api.answers import Answer, Json
from compat_api.sending import send

if TYPE_CHECKING:
    from compat_api.request import Request


async def top(request: Request) -> Answer:
    """List a container's processes."""
    table = await request.call(request.engine.containers.top, request.name, request.query.get("ps_args"))
    return Json({"Processes": table.processes or None, "Titles": table.titles})


async def changes(request: Request) -> Answer:
    """List what a container's files are other than its image's."""
    found = await request.call(request.engine.containers.changes, request.name)
    return Json([{"Path": change.path, "Kind": change.kind} for change in found] or None)


async def export(request: Request) -> Answer:
    """Send an archive of a container's files."""
    return await send(request, "application/octet-stream", partial(request.engine.containers.export, request.name))
