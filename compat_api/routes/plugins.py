"""The routes of plugins, of which this engine has none."""

from __future__ import annotations

from compat_api.routes.route import Route

_NEVER: dict[int, str] = {404: "there is no such plugin"}
_NO_PLUGINS: dict[int, str] = {501: "this engine takes no plugins"}


def _unknown(
    method: str, path: str, summary: str, query: dict[str, str] | None = None, check: str = "missing"
) -> Route:
    return Route(method, path, f"plugins:{check}", summary, query=query or {}, statuses=_NEVER)


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/plugins",
        "plugins:list_",
        "List plugins",
        query={"filters": "filters"},
        answer="plugins:PluginAnswer[]",
    ),
    Route(
        "GET",
        "/plugins/privileges",
        "plugins:privileges",
        "Get what a plugin would be allowed to",
        query={"remote": "string"},
        answer="plugins:PrivilegeAnswer[]",
    ),
    Route(
        "POST",
        "/plugins/pull",
        "plugins:pull",
        "Install a plugin",
        body="plugins:Privileges",
        query={"remote": "string", "name": "string"},
        statuses=_NO_PLUGINS,
    ),
    Route(
        "POST", "/plugins/create", "plugins:create", "Create a plugin", query={"name": "string"}, statuses=_NO_PLUGINS
    ),
    _unknown("GET", "/plugins/{name:.*}/json", "Inspect a plugin"),
    _unknown("DELETE", "/plugins/{name:.*}", "Remove a plugin", {"force": "boolean"}),
    _unknown("POST", "/plugins/{name:.*}/enable", "Enable a plugin", {"timeout": "integer"}, "enable"),
    _unknown("POST", "/plugins/{name:.*}/disable", "Disable a plugin", {"force": "boolean"}),
    _unknown("POST", "/plugins/{name:.*}/push", "Push a plugin"),
    Route(
        "POST",
        "/plugins/{name:.*}/upgrade",
        "plugins:upgrade",
        "Upgrade a plugin",
        body="plugins:Privileges",
        query={"remote": "string"},
        statuses=_NEVER,
    ),
    Route(
        "POST", "/plugins/{name:.*}/set", "plugins:set_", "Configure a plugin", body="plugins:Settings", statuses=_NEVER
    ),
)
