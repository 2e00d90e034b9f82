"""Networks of every kind: IPv6, macvlan, ipvlan, config-only, overlay; and the options that they take."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import Session

LABELS = {"Labels": {"conf": "kind"}}
MINE = {"label": ["conf=kind"]}


def _make(s: Session, name: str, **body: Any) -> None:
    """Make a network and show it, or show why not."""
    made = s.call("POST", "/networks/create", {"Name": name, **(LABELS | body)})
    if isinstance(made, dict) and "Id" in made:
        s.ids[made["Id"]] = name
        s.call("GET", f"/networks/{quote(name)}")


def _drop(s: Session, *names: str) -> None:
    for name in names:
        s.quietly("DELETE", f"/networks/{name}")


def _pools(*pools: dict[str, Any]) -> dict[str, Any]:
    return {"IPAM": {"Config": list(pools)}}


@scenario
def networks_with_ipv6(s: Session) -> None:
    """Dual stack, IPv6 alone, and what is refused of either."""
    names = [f"conf-six{number}" for number in range(7)]
    _drop(s, *names)
    _make(s, names[0], EnableIPv6=True)
    _make(s, names[1], EnableIPv6=True, **_pools({"Subnet": "2001:db8:19::/64"}))
    _make(s, names[2], EnableIPv6=True, EnableIPv4=False)
    _make(
        s,
        names[3],
        EnableIPv6=True,
        **_pools(
            {"Subnet": "198.19.12.0/24", "IPRange": "198.19.12.64/26"},
            {
                "Subnet": "2001:db8:20::/64",
                "Gateway": "2001:db8:20::5",
                "IPRange": "2001:db8:20::100/120",
                "AuxiliaryAddresses": {"a": "2001:db8:20::101"},
            },
        ),
    )
    _make(s, names[4], **_pools({"Subnet": "2001:db8:21::/64"}))
    _make(s, names[5], EnableIPv6=True, Internal=True, **_pools({"Subnet": "2001:DB8:22:0::/64"}))
    for pools in (
        [{"Subnet": "2001:db8:19::/80"}], [{"Subnet": "2001:db8:1::1/64"}], [{"Subnet": "2001:db8::/129"}],
        [{"Subnet": "2001:db8:1::/64", "Gateway": "2001:db8:2::1"}],
        [{"Subnet": "2001:db8:1::/64", "Gateway": "198.19.13.1"}],
        [{"Subnet": "2001:db8:1::/64", "IPRange": "2001:db8:1::1/80"}],
        [{"Subnet": "2001:db8:1::/64", "IPRange": "2001:db8::/32"}],
        [{"Subnet": "2001:db8:1::/64", "IPRange": "2001:db8:2::/80"}],
        [{"Subnet": "2001:db8:1::/64", "IPRange": "198.19.13.0/24"}],
        [{"Subnet": "198.19.13.0/24", "IPRange": "2001:db8:2::/80"}],
        [{"Subnet": "2001:db8:1::/64", "AuxiliaryAddresses": {"a": "2001:db8:2::1"}}],
        [{"Subnet": "2001:db8:1::/64"}, {"Subnet": "2001:db8:2::/64"}],
        [{"Subnet": "198.19.13.0/24"}, {"Subnet": "198.19.14.0/24"}],
        [{"Subnet": "2001:db8:1::/64", "Gateway": "2001:db8:1::"}],
        [{"Subnet": "2001:db8:1::/127"}], [{"Subnet": "198.19.13.0/32"}], [{"Subnet": "198.19.13.0/31"}],
    ):  # fmt: skip
        _make(s, names[6], EnableIPv6=True, **_pools(*pools))
        _drop(s, names[6])
    _make(s, "n", EnableIPv4=False)
    _make(s, "n", EnableIPv4=False, EnableIPv6=False)
    _drop(s, *names)


@scenario
def containers_with_ipv6(s: Session) -> None:
    """Containers with addresses of both kinds: what inspect, their files and the network tell of them."""
    for name in ("conf-a", "conf-b", "conf-c"):
        s.remove(name)
    _drop(s, "conf-dual", "conf-only6", "conf-four")
    dual = _pools({"Subnet": "198.19.15.0/24"}, {"Subnet": "2001:db8:30::/64"})
    _make(s, "conf-dual", EnableIPv6=True, **dual)
    _make(s, "conf-only6", EnableIPv6=True, EnableIPv4=False, **_pools({"Subnet": "2001:db8:31::/64"}))
    _make(s, "conf-four", **_pools({"Subnet": "198.19.16.0/24"}))
    wants = {"IPAMConfig": {"IPv4Address": "198.19.15.9", "IPv6Address": "2001:db8:30:0::99"}, "Aliases": ["web"]}
    s.create(
        "conf-a",
        "sleep",
        "60",
        Hostname="host",
        HostConfig={
            "NetworkMode": "conf-dual",
            "PortBindings": {"80/tcp": [{"HostPort": "48083"}]},
        },
        ExposedPorts={"80/tcp": {}},
        NetworkingConfig={"EndpointsConfig": {"conf-dual": wants}},
    )
    s.call("GET", "/containers/conf-a/json")
    s.call("POST", "/containers/conf-a/start")
    s.call("GET", "/containers/conf-a/json")
    s.call("GET", "/networks/conf-dual")
    for command in (
        ("cat", "/etc/hosts"), ("ip", "-o", "-6", "addr", "show", "scope", "global"), ("ip", "-6", "route"),
        ("nslookup", "-type=aaaa", "web"), ("nslookup", "-type=a", "web"), ("nslookup", "2001:db8:30::99"),
        ("nslookup", "198.19.15.9"),
    ):  # fmt: skip
        s.call("POST", f"/exec/{s.exec('conf-a', *command)}/start", {})
    s.create("conf-b", "sleep", "60", HostConfig={"NetworkMode": "conf-only6"})
    s.call("POST", "/containers/conf-b/start")
    s.call("GET", "/containers/conf-b/json")
    for command in (("ip", "-o", "-4", "addr", "show", "eth0"), ("nslookup", "-type=a", "conf-b")):
        s.call("POST", f"/exec/{s.exec('conf-b', *command)}/start", {})
    s.call("POST", "/networks/conf-four/connect", {"Container": "conf-b"})
    s.call("POST", "/networks/conf-dual/connect", {"Container": "conf-b", "EndpointConfig": {"GwPriority": 5}})
    s.call("GET", "/containers/conf-b/json")
    exec_id = s.exec("conf-b", "ping", "-6", "-c1", "-w9", "-q", "web")
    s.quietly("POST", f"/exec/{exec_id}/start", {})
    s.call("GET", f"/exec/{exec_id}/json")
    s.call("POST", "/networks/conf-dual/disconnect", {"Container": "conf-b"})
    s.call("GET", "/containers/conf-b/json")
    for six in ("2001:db8:30::99", "2001:db8:32::1", "x", "2001:db8:30::1"):
        body = {"Container": "conf-b", "EndpointConfig": {"IPAMConfig": {"IPv6Address": six}}}
        s.call("POST", "/networks/conf-dual/connect", body)
    for name in ("conf-a", "conf-b"):
        s.remove(name)
    _drop(s, "conf-dual", "conf-only6", "conf-four")


@scenario
def config_only_networks(s: Session) -> None:
    """Networks that are only a configuration, and those that take theirs from one."""
    _drop(s, "conf-user", "conf-user6", "conf-second", "conf-config", "conf-config2")
    ipam = {"Driver": "default", "Options": {"a": "b"}, "Config": [{"Subnet": "198.19.20.0/24"}]}
    _make(s, "conf-config", ConfigOnly=True, IPAM=ipam, Options={"com.docker.network.driver.mtu": "1400"})
    _make(s, "conf-config2", ConfigOnly=True, EnableIPv6=True)
    _make(s, "conf-user", ConfigFrom={"Network": "conf-config"})
    _make(s, "conf-user", ConfigFrom={"Network": "conf-config"}, Labels={})
    _make(s, "conf-user6", ConfigFrom={"Network": "conf-config2"}, Labels={}, Driver="bridge")
    _make(s, "conf-second", ConfigFrom={"Network": "conf-config"}, Labels={})
    for body in (
        {"ConfigOnly": True, "ConfigFrom": {"Network": "conf-config"}},
        {"ConfigFrom": {"Network": "bridge"}},
        {"ConfigFrom": {"Network": "conf-config"}, "Options": {"a": "b"}},
        {"ConfigFrom": {"Network": "conf-config"}, "EnableIPv6": True},
        {"ConfigFrom": {"Network": "conf-config"}, **_pools({"Subnet": "198.19.21.0/24"})},
        {"ConfigFrom": {"Network": "conf-config"}, "Driver": "macvlan"},
        {"ConfigFrom": {"Network": "conf-config"}, "Internal": True},
        {"ConfigOnly": True, "Driver": "bridge"}, {"ConfigOnly": True, "Driver": "macvlan"},
        {"ConfigOnly": True, "Internal": True}, {"ConfigOnly": True, "Attachable": True},
        {"ConfigOnly": True, "Ingress": True}, {"ConfigOnly": True, "Scope": "local"},
    ):  # fmt: skip
        _make(s, "conf-n", **body)
        _drop(s, "conf-n")
    for body in (
        {"ConfigFrom": {"Network": "conf-user"}}, {"ConfigFrom": {"Network": "nonesuch"}},
        {"ConfigFrom": {"Network": ""}},
        {"ConfigFrom": {"Network": "conf-config2"}, "Internal": True, "Attachable": True},
        {"ConfigFrom": {"Network": "conf-config2"}, "Driver": "nonesuch"},
    ):  # fmt: skip
        _make(s, "conf-n", **body, Labels={})
        _drop(s, "conf-n")
    s.call("DELETE", "/networks/conf-config")
    s.create("conf-a", "true", HostConfig={"NetworkMode": "conf-config"})
    s.call("POST", "/containers/conf-a/start")
    s.call("POST", "/networks/conf-config/connect", {"Container": "conf-a"})
    s.remove("conf-a")
    s.call("DELETE", "/networks/conf-user")
    s.call("GET", "/networks", query={"filters": {**MINE, "name": ["conf-user"]}})
    s.call("POST", "/networks/prune", query={"filters": MINE})
    _drop(s, "conf-user", "conf-user6", "conf-second", "conf-config", "conf-config2")


@scenario
def networks_of_other_drivers(s: Session) -> None:
    """Make macvlan and ipvlan networks as far as they go without such interfaces, and overlay without a swarm."""
    _drop(s, "conf-mac", "conf-ip", "conf-n")
    subnet = _pools({"Subnet": "198.19.25.0/24"})
    for driver in ("macvlan", "ipvlan"):
        parent = {"parent": "lo"}
        _make(s, "conf-n", Driver=driver, Options=parent, **subnet)
        _drop(s, "conf-n")
        for options in (
            {f"{driver}_mode": "nonesuch"}, {f"{driver}_flag": "nonesuch"}, {"parent": "nonesuch"},
            {"parent": "nonesuch.10"}, {"parent": "nonesuch.5000"}, {"com.docker.network.driver.mtu": "x"},
        ):  # fmt: skip
            _make(s, "conf-n", Driver=driver, Options=options, **subnet)
            _drop(s, "conf-n")
        _make(s, "conf-n", Driver=driver, **subnet)
        _drop(s, "conf-n")
        _make(s, "conf-n", Driver=driver, Internal=True, **subnet)
        _drop(s, "conf-n")
        _make(s, "conf-n", Driver=driver, ConfigOnly=True, **subnet)
        _drop(s, "conf-n")
    for body in (
        {"Driver": "overlay"}, {"Driver": "overlay", "Attachable": True}, {"Driver": "overlay", "Scope": "local"},
        {"Driver": "overlay", "Ingress": True}, {"Driver": "overlay", "Scope": "swarm"},
        {"Driver": "bridge", "Scope": "global"}, {"Driver": "bridge", "Scope": "swarm", "Attachable": True},
        {"Driver": "host"}, {"Driver": "null"}, {"Driver": "transparent"}, {"Driver": "remote"},
    ):  # fmt: skip
        _make(s, "conf-n", **body)
        _drop(s, "conf-n")


@scenario
def network_options(s: Session) -> None:
    """What a bridge network may be told, and what of it is refused."""
    _drop(s, "conf-n", "conf-n2")
    prefix = "com.docker.network.bridge."
    for options in (
        {f"{prefix}enable_icc": "false"}, {f"{prefix}enable_ip_masquerade": "false"},
        {f"{prefix}gateway_mode_ipv4": "routed"}, {f"{prefix}gateway_mode_ipv4": "nat-unprotected"},
        {f"{prefix}gateway_mode_ipv4": "isolated"}, {f"{prefix}gateway_mode_ipv6": "routed"},
        {f"{prefix}inhibit_ipv4": "true"}, {f"{prefix}inhibit_ipv4": "x"},
        {f"{prefix}host_binding_ipv4": "127.0.0.1"}, {f"{prefix}host_binding_ipv4": "::1"},
        {f"{prefix}host_binding_ipv6": "::1"}, {f"{prefix}host_binding_ipv6": "x"},
        {f"{prefix}trusted_host_interfaces": "lo"}, {f"{prefix}trusted_host_interfaces": "lo:eth9"},
        {f"{prefix}name": "confbr0"}, {f"{prefix}name": "a-name-that-is-too-long"}, {f"{prefix}name": "a/b"},
        {f"{prefix}name": ""}, {f"{prefix}default_bridge": "true"}, {f"{prefix}default_bridge": "x"},
        {f"{prefix}enable_ipv4": "false"}, {"com.docker.network.enable_ipv6": "true"},
        {"com.docker.network.enable_ipv4": "false"}, {"com.docker.network.enable_ipv6": "x"},
        {"com.docker.network.host_ipv4": "198.19.30.1"}, {"com.docker.network.host_ipv4": "x"},
        {"com.docker.network.host_ipv6": "2001:db8::1"},
        {"com.docker.network.container_iface_prefix": "net"}, {"com.docker.network.internal": "true"},
        {"com.docker.network.driver.mtu": "0"}, {"com.docker.network.driver.mtu": "70000"},
        {"com.docker.network.driver.mtu": "60"}, {"com.docker.network.driver.mtu": "9000"}, {"of.nobody": "x"},
    ):  # fmt: skip
        _make(s, "conf-n", Options=options)
        _drop(s, "conf-n")
    _make(s, "conf-n", Internal=True, Options={f"{prefix}gateway_mode_ipv4": "isolated"})
    _make(s, "conf-n2", Options={f"{prefix}name": "confbr0"})
    _make(s, "conf-n3", Options={f"{prefix}name": "confbr0"})
    _drop(s, "conf-n", "conf-n2", "conf-n3")
    for name in ("a b", "a/b", "", " ", "-a", "a" * 300, "ä"):
        _make(s, name)
        if name.strip():
            s.quietly("DELETE", f"/networks/{quote(name)}")


@scenario
def networks_that_are_looked_up(s: Session) -> None:
    """Inspecting and listing: by id, prefix and name, verbose, scopes, and every filter."""
    _drop(s, "conf-n", "conf-m")
    _make(s, "conf-n")
    _make(s, "conf-m", Internal=True)
    inverse = {name: each for each, name in s.ids.items()}
    for name in (inverse["conf-n"], inverse["conf-n"][:12], "conf-", "nonesuch"):
        s.call("GET", f"/networks/{name}")
    for query in (
        {"verbose": "true"}, {"verbose": "x"}, {"scope": "local"}, {"scope": "swarm"}, {"scope": "global"},
        {"scope": "x"}, {"verbose": "true", "scope": "local"},
    ):  # fmt: skip
        s.call("GET", "/networks/conf-n", query=query)
    for filters in (
        {"name": ["conf-"]}, {"name": ["^conf-n$"]}, {"name": ["["]}, {"id": [inverse["conf-n"][:12]]},
        {"driver": ["bridge"], "name": ["conf"]}, {"driver": ["nonesuch"]}, {"scope": ["local"], "name": ["conf"]},
        {"scope": ["swarm"]}, {"type": ["custom"], "name": ["conf"]}, {"type": ["builtin"], "name": ["host"]},
        {"type": ["x"]}, {"dangling": ["true"], "name": ["conf"]}, {"dangling": ["false"], "name": ["conf"]},
        {"dangling": ["x"]}, {"dangling": ["true", "false"]}, {"label": ["conf=kind"]}, {"label": ["conf=x"]},
        {"label!": ["conf"]}, {"x": ["y"]}, {"type": ["custom", "builtin"], "name": ["conf-n"]},
    ):  # fmt: skip
        s.call("GET", "/networks", query={"filters": filters})
    s.call("GET", "/networks/conf-n/")
    s.call("GET", "/networks/")
    s.records.pop()
    _drop(s, "conf-n", "conf-m")
