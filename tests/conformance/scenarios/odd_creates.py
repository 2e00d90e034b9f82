"""Odd bodies of create: what earlier answers told is sent back, several things are wrong at once, numbers overflow."""

from __future__ import annotations

from typing import Any

from tests.conformance.scenarios.fields import Case, try_all
from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session

ENDPOINTS = "NetworkingConfig.EndpointsConfig"
NETWORKS = ("NetworkSettings",)
# What inspect shows of a container that ran, as clients that make it anew send it back.
TOLD: dict[str, Any] = {
    "IPAMConfig": None,
    "Links": None,
    "Aliases": None,
    "MacAddress": "",
    "NetworkID": "0123456789abcdef",
    "EndpointID": "b88f5b905aabf2893f3cbc4ee42d1ea7980bbc0a92e2c8922b1e1795298afb0b",
    "Gateway": "198.51.100.1",
    "IPAddress": "198.51.100.4",
    "IPPrefixLen": 24,
    "IPv6Gateway": "2001:db8::1",
    "GlobalIPv6Address": "2001:db8::2",
    "GlobalIPv6PrefixLen": 64,
    "DNSNames": ["one", "two"],
}

CASES = (
    Case(ENDPOINTS, {"bridge": TOLD}, show=NETWORKS),
    Case(ENDPOINTS, {"default": TOLD}, show=NETWORKS),
    Case(ENDPOINTS, {"none": TOLD}, more={"HostConfig.NetworkMode": "none"}, show=NETWORKS),
    Case(ENDPOINTS, {"conf-nowhere": TOLD}, show=NETWORKS, version="v1.40"),
    Case(ENDPOINTS, {"conf-nowhere": {"NetworkID": "0123456789abcdef"}}, starts=True,
         more={"HostConfig.NetworkMode": "conf-nowhere"}),
    Case(ENDPOINTS, {"conf-nowhere": {"NetworkID": "bridge"}}, starts=True,
         more={"HostConfig.NetworkMode": "conf-nowhere"}, show=("HostConfig.NetworkMode",)),
    Case(ENDPOINTS, {"bridge": {"GlobalIPv6PrefixLen": 1.5}}),
    Case(ENDPOINTS, {"bridge": {"IPPrefixLen": [], "GwPriority": [1]}}),
    Case(ENDPOINTS, {"conf-nowhere": {"MacAddress": "nonsense", "IPAMConfig": {"IPv4Address": "x"}}}),
    Case(ENDPOINTS, {"conf-nowhere": {"IPAMConfig": {"IPv4Address": "x", "IPv6Address": "y"}}}),
    Case("HostConfig.Memory", (1 << 63) - 1, show=("HostConfig.Memory", "HostConfig.MemorySwap")),
    Case("HostConfig.Ulimits", {"a": None}),
    Case("HostConfig.Mounts", [{"TmpfsOptions": {"Mode": -1}}]),
    Case("NetworkDisabled", True, "grep -c . /etc/hosts; grep -cE ' /etc/(hosts|hostname|resolv.conf) ' /proc/mounts",
         more={ENDPOINTS: {"conf-nowhere": {}}}, show=("HostsPath", "HostnamePath", "ResolvConfPath", *NETWORKS)),
    Case("cmd", 0),
    Case("CMD", ["a", "b"], show=("Cmd",)),
    Case("Volumes", {"": {}, "a/../b/": {}}, show=("Volumes", "Mounts")),
)  # fmt: skip


@scenario
def odd_fields_of_create(s: Session) -> None:
    """Fields of answers in a request, types that are wrong within them, and overflows."""
    try_all(s, CASES)


@scenario
def order_of_checks(s: Session) -> None:
    """Of two things that are wrong in one body, which one is told."""
    bad_mac = {"EndpointsConfig": {"bridge": {"MacAddress": "nonsense"}}}
    two = {"EndpointsConfig": {"a": {}, "b": {}}}
    no_command = {"Cmd": None}
    everything: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("v1.43", "?name=", {"HostConfig": {"Isolation": "process"}, "NetworkingConfig": two}),
        ("v1.43", "?name=", {"HostConfig": {"CpuShares": -1}, "NetworkingConfig": two}),
        ("v1.43", "?name=", {"HostConfig": {"Memory": 1}, "NetworkingConfig": {"EndpointsConfig": {"a": {}}}}),
        ("v1.44", "?name=", {"HostConfig": {"CpuShares": -1}, "WorkingDir": "relative"}),
        ("v1.51", "?name=", {"HostConfig": {"SecurityOpt": ["nonsense"]}, "NetworkingConfig": bad_mac}),
        ("v1.51", "?name=", {"HostConfig": {"StorageOpt": {"nope": "1"}}, "NetworkingConfig": bad_mac}),
        ("v1.51", "?name=", {"HostConfig": {"LogConfig": {"Type": "nope"}}, "NetworkingConfig": bad_mac}),
        ("v1.51", "?name=", {"HostConfig": {"LogConfig": {"Type": "nope"}}, "Image": "conf-nowhere"}),
        ("v1.51", "?name=", {"HostConfig": {"LogConfig": {"Type": "nope"}, "SecurityOpt": ["nonsense"]}}),
        ("v1.51", "?name=", {"HostConfig": {"SecurityOpt": ["nonsense"]}, "Image": "conf-nowhere"}),
        ("v1.51", "?name=no/name", {"Image": "conf-nowhere"}),
        ("v1.51", "?name=no/name", {"HostConfig": {"Memory": 1}}),
        ("v1.51", "?name=no/name", {"HostConfig": {"SecurityOpt": ["nonsense"]}}),
        ("v1.51", "?name=no/name", {"NetworkingConfig": bad_mac}),
        ("v1.51", "?name=no/name", no_command),
        ("v1.51", "?name=", {"HostConfig": {"LogConfig": {"Type": "nope"}}, **no_command}),
        ("v1.51", "?name=", {"NetworkingConfig": bad_mac, **no_command}),
        ("v1.51", "?name=", {"HostConfig": {"PidMode": "container:conf-nowhere"}, "NetworkingConfig": bad_mac}),
        ("v1.51", "?name=", {"HostConfig": {"PidMode": "container:conf-nowhere"}, **no_command}),
        ("v1.51", "?name=", {"HostConfig": {"Links": ["conf-nowhere"], "SecurityOpt": ["nonsense"]}}),
        ("v1.51", "?name=", {"HostConfig": {"Links": ["conf-nowhere"], "VolumesFrom": ["conf-nowhere"]}}),
        ("v1.51", "?name=", {"HostConfig": {"Runtime": "nope"}, "Image": "conf-nowhere"}),
        ("v1.51", "?name=", {"HostConfig": {"Runtime": "nope", "UTSMode": "nope"}}),
        ("v1.51", "?name=", {"HostConfig": {"Binds": ["nonsense"], "SecurityOpt": ["nonsense"]}}),
        ("v1.51", "?name=", {"HostConfig": {"Mounts": [{"Type": "image", "Source": "conf-nowhere", "Target": "/m"}],
                                      "SecurityOpt": ["nonsense"]}}),
    )  # fmt: skip
    for version, query, keys in everything:
        s.call("POST", f"/containers/create{query}", {"Image": IMAGE, "Cmd": ["true"], **keys}, version=version)
        s.records[-1]["request"] += f" {keys}"


@scenario
def networks_made_anew(s: Session) -> None:
    """A stopped container belongs to the network that it was in, not to another one of that name."""
    for name in ("conf-again", "conf-later"):
        s.create(name, "sleep", "60", HostConfig={"NetworkMode": "conf-again"})
    s.quietly("POST", "/networks/create", {"Name": "conf-again"})
    s.call("POST", "/containers/conf-again/start")
    s.quietly("POST", "/containers/conf-again/stop?t=0")
    s.quietly("DELETE", "/networks/conf-again")
    s.quietly("POST", "/networks/create", {"Name": "conf-again"})
    for name in ("conf-again", "conf-later"):
        s.call("POST", f"/containers/{name}/start")
        s.call("POST", f"/containers/{name}/start")
        s.call("GET", f"/containers/{name}/json")
        s.remove(name)
    s.quietly("DELETE", "/networks/conf-again")
