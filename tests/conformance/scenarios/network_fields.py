"""Every field of NetworkingConfig and those of HostConfig that are about the network."""

from __future__ import annotations

from typing import Any

from tests.conformance.scenarios.fields import Case, try_all
from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session

H = "HostConfig."
E = "NetworkingConfig.EndpointsConfig"


def endpoint(look: str = "", *, network: str = "conf-net", starts: bool = False, version: str = "v1.51",
             **keys: Any) -> Case:  # fmt: skip
    """Return a case with one endpoint in a network of the scenario's own."""
    return Case(E, {network: keys}, look, {H + "NetworkMode": network}, starts=starts, version=version)


NAMES = [
    Case(H + "Dns", ["198.51.100.1"], "grep -v ^# /etc/resolv.conf"),
    Case(H + "Dns", ["nonsense"], starts=True),
    Case(H + "Dns", [""], starts=True),
    Case(H + "Dns", ["198.51.100.1:5"], starts=True),
    Case(H + "DnsOptions", ["ndots:3"], "grep options /etc/resolv.conf"),
    Case(H + "DnsSearch", ["one.example", "two.example"], "grep search /etc/resolv.conf"),
    Case(H + "DnsSearch", ["."], "grep -c search /etc/resolv.conf"),
    Case(H + "DnsSearch", [""], starts=True),
    Case(H + "ExtraHosts", ["a:198.51.100.7", "b:2001:db8::1", "b:[2001:db8::2]"], "grep -E '\\s(a|b)$' /etc/hosts"),
    Case(H + "ExtraHosts", ["g:host-gateway"], "grep -c '\\sg$' /etc/hosts"),
    Case(H + "ExtraHosts", ["a"]),
    Case(H + "ExtraHosts", ["a:"]),
    Case(H + "ExtraHosts", [":1.2.3.4"]),
    Case(H + "ExtraHosts", ["a:nonsense"]),
    Case(H + "ExtraHosts", ["a=1.2.3.4"]),
    Case(H + "Links", ["conf-nowhere"]),
    Case(H + "Links", ["conf-nowhere:x"]),
    Case(H + "Links", [""]),
    Case(H + "Links", ["a:b:c"]),
    Case(H + "Links", [":x"]),
    Case(H + "PortBindings", {"80/tcp": [{"HostPort": "x"}]}),
    Case(H + "PortBindings", {"80/tcp": [{"HostPort": "70000"}]}),
    Case(H + "PortBindings", {"80/tcp": [{"HostIp": "nonsense", "HostPort": ""}]}, starts=True),
    Case(H + "PortBindings", {"x/tcp": []}),
    Case(H + "PortBindings", {"80/nope": [{}]}, starts=True),
    Case(H + "PortBindings", {"80": [{"HostPort": "18080"}]}, show=(H + "PortBindings", "ExposedPorts")),
    Case(H + "PortBindings", {"80/tcp": None}),
    Case(H + "PortBindings", {"80-81/tcp": [{}]}),
    Case(H + "PublishAllPorts", True),
]  # fmt: skip

ENDPOINTS = [
    endpoint("ls /sys/class/net | tr '\\n' ' '"),
    endpoint(IPAMConfig={"IPv4Address": "198.18.60.9"}, look="ip -4 -o addr show eth0 | tr -s ' ' | cut -d ' ' -f 4"),
    endpoint(IPAMConfig={"IPv4Address": "nonsense"}),
    endpoint(IPAMConfig={"IPv4Address": "10.99.0.1"}, starts=True),
    endpoint(IPAMConfig={"LinkLocalIPs": ["nonsense"]}),
    endpoint(IPAMConfig={"LinkLocalIPs": ["169.254.7.7"]}, look="ip -4 -o addr show eth0 | grep -c 169.254.7.7"),
    endpoint(IPAMConfig={}),
    endpoint(Aliases=["one", "two"], look="true"),
    endpoint(Aliases=["one"], version="v1.44"),
    endpoint(Aliases=["a b", ""]),
    endpoint(MacAddress="02:42:ac:11:00:bb", look="cat /sys/class/net/eth0/address"),
    endpoint(MacAddress="nonsense", starts=True),
    endpoint(MacAddress="02:42:ac:11:00:bb", version="v1.43"),
    endpoint(DriverOpts={"com.docker.network.endpoint.ifname": "conf0"}, look="ls /sys/class/net | tr '\\n' ' '"),
    endpoint(DriverOpts={"com.docker.network.endpoint.ifname": "a/b"}, starts=True),
    endpoint(DriverOpts={"com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1"},
             look="cat /proc/sys/net/ipv4/conf/eth0/log_martians"),
    endpoint(DriverOpts={"com.docker.network.endpoint.sysctls": "nonsense"}, starts=True),
    endpoint(GwPriority=5, look="true"),
    endpoint(GwPriority=5, version="v1.47"),
    endpoint(GwPriority="x"),
    endpoint(Links=["conf-nowhere:x"], starts=True),
    endpoint(network="conf-nowhere", starts=True),
    Case(E, {"conf-net": {}}, starts=True, show=(E, H + "NetworkMode")),
    Case(E, {"conf-net": None}),
    Case(E, {"bridge": {"Aliases": ["x"]}}, starts=True),
    Case(E, {"bridge": {"IPAMConfig": {"IPv4Address": "172.17.0.99"}}}, starts=True),
    Case(E, {"host": {}}, more={H + "NetworkMode": "host"}),
    Case(E, {"none": {}}, more={H + "NetworkMode": "none"}, starts=True),
    Case(E, {"conf-net": {}}, more={H + "NetworkMode": "none"}, starts=True),
    Case(E, {"conf-net": {}, "bridge": {}}, "ls /sys/class/net | tr '\\n' ' '", {H + "NetworkMode": "bridge"}),
    Case(E, {"conf-net": {}, "bridge": {}}, version="v1.43"),
    Case(E, []),
    Case("NetworkingConfig", None, show=("NetworkSettings.Networks",)),
    Case("MacAddress", "02:42:ac:11:00:aa", more={E: {"conf-net": {"MacAddress": "02:42:ac:11:00:bb"}},
                                                 H + "NetworkMode": "conf-net"}),
    Case("MacAddress", "02:42:ac:11:00:aa", more={E: {"conf-net": {}}}),
]  # fmt: skip


@scenario
def fields_of_host_networking(s: Session) -> None:
    """Names, links and ports."""
    try_all(s, NAMES)


@scenario
def fields_of_endpoints(s: Session) -> None:
    """NetworkingConfig, in a network with a subnet of its own."""
    s.quietly("DELETE", "/networks/conf-net")
    made = s.quietly(
        "POST", "/networks/create", {"Name": "conf-net", "IPAM": {"Config": [{"Subnet": "198.18.60.0/24"}]}}
    )
    s.ids[made["Id"]] = "conf-net"
    try_all(s, ENDPOINTS)
    s.quietly("DELETE", "/networks/conf-net")


@scenario
def legacy_links(s: Session) -> None:
    """Links on the default bridge: names, environment variables, and what keeps them."""
    ports = {"5432/tcp": {}, "53/udp": {}}
    s.create("conf-a", "sleep", "60", Env=["ONE=1", "TWO=a b", "HOME=/x"], ExposedPorts=ports)
    s.create("conf-b", "true", HostConfig={"Links": ["conf-a:db"]}, record=True)
    s.call("POST", "/containers/conf-b/start")
    s.quietly("POST", "/containers/conf-a/start")
    address = s.quietly("GET", "/containers/conf-a/json")["NetworkSettings"]["IPAddress"]
    s.ids[address] = "address"
    look = "env | grep -E '^(DB|CONF)' | sort; grep -E 'db|conf' /etc/hosts"
    for link in ("conf-a:db", "/conf-a:/db", "conf-a", "conf-a:my-db"):
        s.create("conf-b", "sh", "-c", look, Hostname="h", HostConfig={"Links": [link]}, record=True)
        s.call("POST", "/containers/conf-b/start")
        s.wait("conf-b")
        s.call("GET", "/containers/conf-b/logs?stdout=1&stderr=1")
    s.create("conf-b", "sleep", "60", HostConfig={"Links": ["conf-a:db"]})
    s.quietly("POST", "/containers/conf-b/start")
    s.call("GET", "/containers/json", query={"filters": {"name": ["conf-a"]}})
    s.call("GET", "/containers/json", query={"filters": {"name": ["conf-b/db"]}})
    s.call("GET", "/containers/conf-b/db/json")
    s.call("POST", "/containers/conf-a/rename?name=conf-c")
    s.call("GET", "/containers/conf-b/json")
    s.call("POST", "/containers/conf-c/rename?name=conf-a")
    s.quietly("POST", "/containers/conf-a/restart?t=0")
    s.call("GET", "/containers/conf-b/json")
    s.call("DELETE", "/containers/conf-b", query={"link": "1"})
    s.call("DELETE", "/containers/conf-b/nope", query={"link": "1"})
    s.call("DELETE", "/containers/conf-b/db", query={"link": "1"})
    s.call("GET", "/containers/conf-b/json")
    s.call("DELETE", "/containers/conf-a", query={"force": "1"})
    s.call("POST", "/containers/conf-b/restart?t=0")
    s.call("GET", "/containers/conf-b/json")
    s.remove("conf-b")
    del s.ids[address]
    ports = {
        port: {} for port in ("80/tcp", "8000/tcp", "8001/tcp", "8002/tcp", "9000/udp", "9001/udp", "53/tcp", "53/udp")
    }
    s.create("conf-a", "sleep", "60", ExposedPorts=ports)
    s.quietly("POST", "/containers/conf-a/start")
    for host in (
        {"Links": ["conf-a:db"], "NetworkMode": "none"}, {"Links": ["conf-a:db"], "NetworkMode": "host"},
        {"Links": ["conf-a:a b", "conf-a:db", "conf-a:db"]},
    ):  # fmt: skip
        s.call(
            "POST",
            "/containers/create",
            {"Image": IMAGE, "Cmd": ["true"], "HostConfig": host},
            query={"name": "conf-b"},
        )
        s.call("POST", "/containers/conf-b/start")
        s.remove("conf-b")
    s.remove("conf-a")
