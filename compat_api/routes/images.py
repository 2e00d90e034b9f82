"""The routes of images."""

from __future__ import annotations

from compat_api.routes.route import Route

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/images/json",
        "images:list_",
        "List images",
        answer="images:ImageSummaryAnswer[]",
        query={"all": "boolean", "filters": "filters", "shared-size": "boolean", "manifests": "boolean"},
    ),
    Route(
        "GET",
        "/images/get",
        "image_streams:save",
        "Export several images",
        query={"names": "strings", "platform": "string"},
        stream="application/x-tar",
    ),
    Route(
        "GET",
        "/images/{name:.*}/get",
        "image_streams:save",
        "Export an image",
        query={"platform": "string"},
        stream="application/x-tar",
    ),
    Route(
        "GET",
        "/images/{name:.*}/history",
        "images:history",
        "Get the history of an image",
        answer="images:HistoryAnswer[]",
        query={"platform": "string"},
    ),
    Route(
        "GET",
        "/images/{name:.*}/json",
        "images:inspect",
        "Inspect an image",
        answer="images:ImageInspectAnswer",
        query={"manifests": "boolean", "platform": "string"},
    ),
    Route(
        "POST",
        "/images/load",
        "image_streams:load",
        "Import images",
        answer="images:ProgressAnswer",
        query={"quiet": "boolean", "platform": "string"},
        stream="application/json",
    ),
    Route(
        "POST",
        "/images/create",
        "image_imports:create",
        "Create an image",
        answer="images:ProgressAnswer",
        query={
            "fromImage": "string",
            "fromSrc": "string",
            "repo": "string",
            "tag": "string",
            "message": "string",
            "changes": "strings",
            "platform": "string",
        },
        stream="application/json",
    ),
    Route(
        "POST",
        "/images/prune",
        "images:prune",
        "Delete unused images",
        answer="images:PrunedAnswer",
        query={"filters": "filters"},
        since="1.25",
    ),
    Route(
        "POST",
        "/images/{name:.*}/tag",
        "images:tag",
        "Tag an image",
        query={"repo": "string", "tag": "string"},
        statuses={201: "the image has the name"},
    ),
    Route(
        "DELETE",
        "/images/{name:.*}",
        "images:remove",
        "Remove an image",
        answer="images:RemovedAnswer[]",
        query={"force": "boolean", "noprune": "boolean", "platforms": "strings"},
    ),
)
