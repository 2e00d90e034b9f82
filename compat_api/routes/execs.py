"""The routes of exec sessions."""

from __future__ import annotations

from compat_api.routes.route import Route

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/exec/{name:.*}/start",
        "execs:start",
        "Start an exec instance",
        body="execs:ExecStartBody",
        statuses={101: "raw bytes follow, to a client that asked for an upgrade", 200: "raw bytes follow"},
        stream="hijack",
    ),
    Route(
        "POST",
        "/exec/{name:.*}/resize",
        "execs:resize",
        "Resize an exec instance's terminal",
        query={"h": "integer", "w": "integer"},
    ),
    Route("GET", "/exec/{id:.*}/json", "execs:inspect", "Inspect an exec instance", answer="execs:ExecInspectAnswer"),
)
