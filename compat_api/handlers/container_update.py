"""Changing a container's limits and restart policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compat_api import versions
from compat_api.answers import Answer, Json

if TYPE_CHECKING:
    from compat_api.models.containers import UpdateBody
    from compat_api.request import Request


async def update(request: Request) -> Answer:
    """Change what the body names; what it does not name, or gives as 0, stays."""
    from engine.containers.config import HostConfig
    from engine.state.codec import from_plain

    body: UpdateBody = await request.body()
    if not request.since(versions.PIDS_LIMIT_CHANGES):
        body.pids_limit = None
    if request.since(versions.NO_KERNEL_MEMORY):
        body.kernel_memory = 0
    body.kernel_memory_tcp = 0
    # No version of the API so far changes these.
    body.blkio_weight_device = None
    body.blkio_device_read_bps = body.blkio_device_write_bps = None
    body.blkio_device_read_iops = body.blkio_device_write_iops = None
    wanted = from_plain(HostConfig, body.model_dump())
    warnings = await request.call(request.engine.containers.update, request.name, wanted)
    return Json({"Warnings": warnings or None})
