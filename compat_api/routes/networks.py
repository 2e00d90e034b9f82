"""The routes of networks."""

from __future__ import annotations

from compat_api.routes.route import Route

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/networks",
        "networks:list_",
        "List networks",
        answer="networks:NetworkAnswer[]",
        query={"filters": "filters"},
    ),
    Route(
        "GET",
        "/networks/",
        "networks:list_",
        "List networks",
        answer="networks:NetworkAnswer[]",
        query={"filters": "filters"},
    ),
    Route(
        "GET",
        "/networks/{name:.*}",
        "networks:inspect",
        "Inspect a network",
        answer="networks:NetworkAnswer",
        query={"verbose": "boolean", "scope": "string"},
    ),
    Route(
        "POST",
        "/networks/create",
        "networks:create",
        "Create a network",
        body="networks:NetworkCreateBody",
        answer="networks:NetworkCreateAnswer",
        statuses={201: "the network is there"},
    ),
    Route(
        "POST",
        "/networks/prune",
        "networks:prune",
        "Delete unused networks",
        answer="networks:NetworksPruned",
        query={"filters": "filters"},
        since="1.25",
    ),
    Route(
        "POST",
        "/networks/{name:.*}/connect",
        "networks:connect",
        "Connect a container to a network",
        body="networks:ConnectBody",
    ),
    Route(
        "POST",
        "/networks/{name:.*}/disconnect",
        "networks:disconnect",
        "Disconnect a container from a network",
        body="networks:DisconnectBody",
    ),
    Route("DELETE", "/networks/{name:.*}", "networks:remove", "Remove a network", statuses={204: "it is gone"}),
)
