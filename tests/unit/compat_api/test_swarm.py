from __future__ import annotations

from compat_api.handlers.swarm import CHECKS
from compat_api.routes import all_routes


def test_every_check_belongs_to_a_route_and_to_what_it_takes() -> None:
    routes = {(route.method, route.path): route for route in all_routes()}
    for key, checks in CHECKS.items():
        route = routes[key]
        assert route.handler == "swarm:refuse"
        for kind, _, name in (check.partition(" ") for check in checks):
            if kind == "version":
                assert "version" in route.query
            elif kind == "flag":
                assert name in route.query
            elif kind == "streams":
                assert {"stdout", "stderr"} <= route.query.keys()
            else:
                assert kind in ("addressed", "remotes", "listens", "unsupported") and route.body
