"""The routes of Swarm: answered as a node answers that is in none."""

from __future__ import annotations

from compat_api.routes.route import Route

_FILTERS = {"filters": "filters"}
_LOGS = {
    "details": "boolean",
    "follow": "boolean",
    "stdout": "boolean",
    "stderr": "boolean",
    "since": "integer",
    "timestamps": "boolean",
    "tail": "string",
}
_NEVER: dict[int, str] = {503: "this node is in no swarm"}


def _refused(method: str, path: str, summary: str, query: dict[str, str] | None = None, body: str = "") -> Route:
    return Route(method, path, "swarm:refuse", summary, body=body, query=query or {}, statuses=_NEVER)


ROUTES: tuple[Route, ...] = (
    _refused("GET", "/swarm", "Inspect the swarm"),
    _refused("POST", "/swarm/init", "Begin a swarm", body="swarm:InitBody"),
    _refused("POST", "/swarm/join", "Join a swarm", body="swarm:JoinBody"),
    Route(
        "POST",
        "/swarm/leave",
        "swarm:leave",
        "Leave the swarm",
        query={"force": "boolean"},
        statuses=_NEVER,
    ),
    _refused(
        "POST",
        "/swarm/update",
        "Change the swarm",
        {
            "version": "integer",
            "rotateWorkerToken": "boolean",
            "rotateManagerToken": "boolean",
            "rotateManagerUnlockKey": "boolean",
        },
        "swarm:SwarmSpec",
    ),
    _refused("GET", "/swarm/unlockkey", "Get the key that unlocks managers"),
    _refused("POST", "/swarm/unlock", "Unlock a manager", body="swarm:UnlockBody"),
    _refused("GET", "/nodes", "List nodes", _FILTERS),
    _refused("GET", "/nodes/{id}", "Inspect a node"),
    _refused("DELETE", "/nodes/{id}", "Remove a node", {"force": "boolean"}),
    _refused("POST", "/nodes/{id}/update", "Change a node", {"version": "integer"}, "swarm:NodeSpec"),
    _refused("GET", "/services", "List services", {**_FILTERS, "status": "boolean"}),
    _refused("POST", "/services/create", "Create a service", body="swarm:ServiceSpec"),
    _refused("GET", "/services/{id}", "Inspect a service", {"insertDefaults": "boolean"}),
    _refused("DELETE", "/services/{id}", "Remove a service"),
    _refused(
        "POST",
        "/services/{id}/update",
        "Change a service",
        {"version": "integer", "registryAuthFrom": "string", "rollback": "string"},
        "swarm:ServiceSpec",
    ),
    _refused("GET", "/services/{id}/logs", "Get a service's log", _LOGS),
    _refused("GET", "/tasks", "List tasks", _FILTERS),
    _refused("GET", "/tasks/{id}", "Inspect a task"),
    _refused("GET", "/tasks/{id}/logs", "Get a task's log", _LOGS),
    _refused("GET", "/secrets", "List secrets", _FILTERS),
    _refused("POST", "/secrets/create", "Create a secret", body="swarm:SecretSpec"),
    _refused("GET", "/secrets/{id}", "Inspect a secret"),
    _refused("DELETE", "/secrets/{id}", "Remove a secret"),
    _refused("POST", "/secrets/{id}/update", "Change a secret", {"version": "integer"}, "swarm:SecretSpec"),
    _refused("GET", "/configs", "List configs", _FILTERS),
    _refused("POST", "/configs/create", "Create a config", body="swarm:ConfigSpec"),
    _refused("GET", "/configs/{id}", "Inspect a config"),
    _refused("DELETE", "/configs/{id}", "Remove a config"),
    _refused("POST", "/configs/{id}/update", "Change a config", {"version": "integer"}, "swarm:ConfigSpec"),
)
