"""The routes of volumes."""

from __future__ import annotations

from compat_api.routes.route import Route

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/volumes",
        "volumes:list_",
        "List volumes",
        answer="volumes:VolumeListAnswer",
        query={"filters": "filters"},
    ),
    Route(
        "POST",
        "/volumes/create",
        "volumes:create",
        "Create a volume",
        body="volumes:VolumeCreateBody",
        answer="volumes:VolumeAnswer",
        statuses={201: "the volume is there"},
    ),
    Route(
        "POST",
        "/volumes/prune",
        "volumes:prune",
        "Delete unused volumes",
        answer="volumes:VolumesPruned",
        query={"filters": "filters"},
        since="1.25",
    ),
    Route("GET", "/volumes/{name:.*}", "volumes:inspect", "Inspect a volume", answer="volumes:VolumeAnswer"),
    Route(
        "PUT",
        "/volumes/{name:.*}",
        "swarm:update_volume",
        "Change a cluster volume",
        query={"version": "integer"},
        statuses={503: "this node is in no swarm"},
    ),
    Route(
        "DELETE",
        "/volumes/{name:.*}",
        "volumes:remove",
        "Remove a volume",
        query={"force": "boolean"},
        statuses={204: "the volume is gone"},
    ),
)
