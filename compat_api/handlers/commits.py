"""POST /commit: an image of what a container has written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compat_api.answers import Answer, Json
from compat_api.problems import BadRequest

if TYPE_CHECKING:
    from compat_api.models.containers import CreateBody
    from compat_api.request import Request


async def commit(request: Request) -> Answer:
    """Make an image of a container."""
    from compat_api.create_request import records
    from engine.containers.commit import CommitRequest
    from engine.images.reference import parse_target

    body: CreateBody = await request.body()
    query = request.query
    parse_target(query.get("repo"), query.get("tag"))  # before the container is looked for, as dockerd does it
    if not query.get("container"):
        raise BadRequest('invalid name or ID supplied: ""')
    given = body.model_fields_set - {"host_config", "networking_config"}
    wanted = CommitRequest(
        container=query.get("container"),
        repository=query.get("repo"),
        tag=query.get("tag"),
        comment=query.get("comment"),
        author=query.get("author"),
        pause=query.flag("pause", default=True),
        config=records(body)[0] if given else None,
        changes=query.all("changes"),
        labels=request.labels,
        may_name=request.may_name,
    )
    made = await request.call(request.engine.containers.commit, wanted)
    return Json({"Id": made}, status=201)
