"""Published ports: every form that they are asked for in, those that are taken, and those that move with a network."""

from __future__ import annotations

from typing import Any

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session

PREFIX = "com.docker.network.bridge."


def _start(s: Session, name: str, bindings: dict[str, Any], *, network: str = "bridge", **host: Any) -> None:
    """Start a container with ports, and show it or why it does not."""
    config = {"NetworkMode": network, "PortBindings": bindings, **host}
    s.create(name, "sleep", "60", ExposedPorts={port: {} for port in bindings}, HostConfig=config)
    s.call("POST", f"/containers/{name}/start")
    s.call("GET", f"/containers/{name}/json")


@scenario
def ports_in_every_form(s: Session) -> None:
    """Addresses of both kinds, ranges, protocols, and what is refused."""
    s.remove("conf-a")
    s.quietly("DELETE", "/networks/conf-np")
    ipam = {"Config": [{"Subnet": "198.19.98.0/24"}]}
    s.ids[s.quietly("POST", "/networks/create", {"Name": "conf-np", "IPAM": ipam})["Id"]] = "net"
    for bindings in (
        {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "48090"}]},
        {"80/tcp": [{"HostIp": "::1", "HostPort": "48090"}]},
        {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "48090"}]},
        {"80/tcp": [{"HostIp": "::", "HostPort": "48090"}]},
        {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "48090"}, {"HostIp": "::1", "HostPort": "48091"}]},
        {"80/tcp": [{"HostIp": "", "HostPort": "48130-48135"}], "81/tcp": [{"HostIp": "", "HostPort": "48130-48135"}]},
        {"80/tcp": [{"HostPort": "48090"}], "80/udp": [{"HostPort": "48090"}]},
        {"80/tcp": [{"HostPort": "48090"}, {"HostPort": "48091"}]},
        {"80/tcp": [{"HostPort": "48090"}], "81/tcp": [{"HostPort": "48090"}]},
        {"80/tcp": [{"HostIp": "198.19.99.1", "HostPort": "48090"}]},
        {"80/tcp": [{"HostIp": "x", "HostPort": "48090"}]},
        {"80/tcp": []},
    ):
        _start(s, "conf-a", bindings, network="conf-np")
        s.remove("conf-a")
    s.quietly("DELETE", "/networks/conf-np")
    for port in ("x", "70000", "90-80", "-1", "80-", "0"):
        body = {"Image": IMAGE, "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": port}]}}}
        s.call("POST", "/containers/create", body, query={"name": "conf-a"})
        s.remove("conf-a")
    s.remove("conf-a")


@scenario
def ports_that_are_taken(s: Session) -> None:
    """Ports of other containers: the same, one of all addresses, another address, a whole range."""
    for name in ("conf-a", "conf-b"):
        s.remove(name)
    _start(s, "conf-a", {"80/tcp": [{"HostPort": "48100"}], "81/tcp": [{"HostIp": "127.0.0.1", "HostPort": "48101"}]})
    for bindings in (
        {"80/tcp": [{"HostPort": "48100"}]},
        {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "48100"}]},
        {"80/tcp": [{"HostIp": "::1", "HostPort": "48100"}]},
        {"80/tcp": [{"HostPort": "48101"}]},
        {"80/tcp": [{"HostIp": "127.0.0.2", "HostPort": "48101"}]},
        {"80/tcp": [{"HostPort": "48100-48101"}]},
        {"80/tcp": [{"HostPort": "48100-48102"}]},
        {"80/udp": [{"HostPort": "48100"}]},
    ):
        _start(s, "conf-b", bindings)
        s.remove("conf-b")
    s.remove("conf-a")


@scenario
def ports_and_networks(s: Session) -> None:
    """Ports in networks of other kinds, and ports that move when a network is connected or disconnected."""
    names = ["conf-na", "conf-nb", "conf-nr", "conf-n6", "conf-ni", "conf-nd", "conf-nl"]
    s.remove("conf-a")
    for name in names:
        s.quietly("DELETE", f"/networks/{name}")
    for name, body in (
        ("conf-na", {}), ("conf-nb", {}), ("conf-nr", {"Options": {f"{PREFIX}gateway_mode_ipv4": "routed"}}),
        ("conf-n6", {"EnableIPv4": False, "EnableIPv6": True}), ("conf-ni", {"Internal": True}),
        ("conf-nd", {"EnableIPv6": True}), ("conf-nl", {"Options": {f"{PREFIX}host_binding_ipv4": "127.0.0.1"}}),
    ):  # fmt: skip
        made = s.quietly("POST", "/networks/create", {"Name": name, **body})
        s.ids[made["Id"]] = name
    bindings = {
        "80/tcp": [{"HostPort": "48110"}],
        "81/tcp": [{"HostIp": "127.0.0.1", "HostPort": "48111"}],
        "82/tcp": [{"HostIp": "::1", "HostPort": "48112"}],
    }
    for network in ("conf-nr", "conf-n6", "conf-ni", "conf-nd", "conf-nl", "none", "host"):
        _start(s, "conf-a", bindings, network=network)
        s.call("GET", "/containers/json", query={"filters": {"name": ["conf-a"]}})
        s.remove("conf-a")
    _start(s, "conf-a", bindings, network="conf-na")

    def change(verb: str, network: str, **body: object) -> None:
        s.call("POST", f"/networks/{network}/{verb}", {"Container": "conf-a", **body})
        s.call("GET", "/containers/conf-a/json")

    change("disconnect", "conf-na")
    change("connect", "conf-nb")
    change("connect", "conf-na", EndpointConfig={"GwPriority": 10})
    change("disconnect", "conf-nb")
    change("connect", "conf-nr", EndpointConfig={"GwPriority": 20})
    change("disconnect", "conf-nr")
    s.remove("conf-a")
    for name in names:
        s.quietly("DELETE", f"/networks/{name}")
