"""A node that is in no swarm and has no plugins."""

from __future__ import annotations

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import Session

_OBJECTS = ("nodes", "services", "tasks", "secrets", "configs")
_CHANGED = ("/nodes/x/update", "/services/x/update", "/swarm/update", "/secrets/x/update", "/configs/x/update")
_BODIES = (
    *_CHANGED, "/services/create", "/secrets/create", "/configs/create", "/swarm/init", "/swarm/join", "/swarm/unlock",
)  # fmt: skip


@scenario
def no_swarm(s: Session) -> None:
    """Every route of Swarm, with and without what it needs."""
    for kind in _OBJECTS:
        s.call("GET", f"/{kind}")
        s.call("GET", f"/{kind}", version="v1.24")
        s.call("GET", f"/{kind}/x")
        s.call("GET", f"/{kind}", query={"filters": "x"})
        s.call("GET", f"/{kind}", query={"filters": {"no-such": ["x"]}})
        s.call("GET", f"/{kind}/x/y")
        s.call("GET", f"/{kind}/")
        if kind != "tasks":
            s.call("DELETE", f"/{kind}/x")
    s.call("GET", "/swarm")
    s.call("GET", "/swarm/")
    s.call("GET", "/swarm/unlockkey")
    s.call("POST", "/swarm/leave")
    s.call("POST", "/swarm/leave", query={"force": "1"})
    s.call("GET", "/services", query={"status": "x"})
    s.call("GET", "/services", query={"status": "true"})
    s.call("GET", "/services/x", query={"insertDefaults": "xx"})
    for kind in ("services", "tasks"):
        s.call("GET", f"/{kind}/x/logs")
        s.call("GET", f"/{kind}/x/logs", query={"stdout": "1", "since": "abc", "tail": "z"})


@scenario
def bodies_for_no_swarm(s: Session) -> None:
    """What is wrong with a request is said before that there is no swarm."""
    for path in _BODIES:
        s.call("POST", path)
        s.call("POST", path, {}, query={"version": "1"})
        s.call("POST", path, b"{bad", query={"version": "1"})
        s.call("POST", path, [], query={"version": "1"})
        s.call("POST", path, {"Name": 1}, query={"version": "1"})
        s.call("POST", path, {"Labels": {"a": 1}}, query={"version": "1"})
        s.call("POST", path, {}, query={"version": "1"}, headers={"Content-Type": "text/plain"})
    for path in _CHANGED:
        for version in ("abc", "-1", "18446744073709551616", "18446744073709551615", "007"):
            s.call("POST", path, query={"version": version})
    for flag in ("rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey"):
        s.call("POST", "/swarm/update", query={"version": "1", flag: "x"})
        s.call("POST", "/swarm/update", query={"version": "1", flag: "1"})
    s.call("POST", "/swarm/init", {"ListenAddr": "no-such-interface"})
    s.call("POST", "/swarm/init", {"ListenAddr": 1})
    s.call("POST", "/swarm/join", {"ListenAddr": "no-such-interface"})
    s.call("POST", "/swarm/join", {"ListenAddr": "127.0.0.1:2377"})
    s.call("POST", "/swarm/join", {"ListenAddr": "[::1]:2377"})
    s.call("POST", "/swarm/join", {"RemoteAddrs": "x"})
    for query in ({}, {"version": "x"}, {"version": "1"}):
        s.call("PUT", "/volumes/no-such", query=query)
        s.call("PUT", "/volumes/no-such", {"Spec": {}}, query=query)


@scenario
def no_plugins(s: Session) -> None:
    """Every route of plugins."""
    for query in ({}, {"filters": "x"}, {"filters": {"no-such": ["x"]}}, {"filters": {"enabled": ["x"]}},
                  {"filters": {"enabled": ["true"]}}, {"filters": {"capability": ["x"]}},
                  {"filters": {"enabled": ["true", "false"]}}):  # fmt: skip
        s.call("GET", "/plugins", query=query)
    s.call("GET", "/plugins", version="v1.24")
    s.call("GET", "/plugins/")
    for name in ("x", "a/b", "x:latest", "BAD!", "127.0.0.1:1/x"):
        s.call("GET", f"/plugins/{name}/json")
        s.call("DELETE", f"/plugins/{name}", query={"force": "1"})
        s.call("POST", f"/plugins/{name}/disable")
        s.call("POST", f"/plugins/{name}/push")
        s.call("POST", f"/plugins/{name}/enable", query={"timeout": "3"})
        s.call("POST", f"/plugins/{name}/set", ["a=b"])
        s.call("POST", f"/plugins/{name}/upgrade", [], query={"remote": "127.0.0.1:1/x"})
    for query in ({}, {"timeout": "x"}, {"timeout": "99999999999999999999"}, {"timeout": "-1"}):
        s.call("POST", "/plugins/x/enable", query=query)
    for path in ("/plugins/x/set", "/plugins/x/upgrade", "/plugins/pull"):
        for body in ({}, [1], "x", b"[", b""):
            s.call("POST", path, body)
        s.call("POST", path, [], headers={"Content-Type": "text/plain"})
    for remote in ("", "BAD", "x:", "x"):
        s.call("GET", "/plugins/privileges", query={"remote": remote})
    for query in ({}, {"remote": "BAD"}, {"remote": "127.0.0.1:1/x", "name": "BAD"}):
        s.call("POST", "/plugins/pull", [], query=query)
    for query in ({}, {"name": ""}, {"name": "BAD"}):
        s.call("POST", "/plugins/create", b"", query=query)
