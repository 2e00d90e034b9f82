"""The routes of the engine and its machine."""

from __future__ import annotations

from compat_api.routes.route import Route

ROUTES: tuple[Route, ...] = (
    Route("GET", "/_ping", "system:ping", "Tell that the server is there", stream="text/plain"),
    Route("HEAD", "/_ping", "system:ping", "Tell that the server is there", stream="text/plain"),
    Route("GET", "/version", "system:version", "Get version", answer="system:VersionAnswer"),
    Route("GET", "/openapi.json", "openapi:document", "Get this document", stream="application/json"),
    Route("GET", "/info", "system:info", "Get system information", answer="system:InfoAnswer"),
    Route("POST", "/auth", "system:auth", "Check credentials", body="system:AuthBody", answer="system:AuthAnswer"),
    Route(
        "GET",
        "/events",
        "events:events",
        "Monitor events",
        answer="system:EventMessage",
        query={"since": "string", "until": "string", "filters": "filters"},
        stream="application/json",
    ),
    Route(
        "GET",
        "/system/df",
        "disk_usage:usage",
        "Get data usage information",
        answer="disk_usage:DiskUsageAnswer",
        query={"type": "strings"},
        since="1.25",
    ),
)
