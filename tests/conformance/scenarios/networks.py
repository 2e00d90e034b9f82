"""Networks, names and ports."""

from __future__ import annotations

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session


@scenario
def published_ports(s: Session) -> None:
    """What inspect, list and filters tell of ports, and a port that is taken."""
    bindings = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "48080"}], "82/udp": [{"HostPort": "48082"}]}
    asked = {
        "ExposedPorts": {"80/tcp": {}, "81/tcp": {}},
        "HostConfig": {"PortBindings": bindings},
        "Labels": {"c": "p"},
    }
    s.create("conf-a", "sleep", "60", **asked)
    s.call("GET", "/containers/conf-a/json")
    s.call("POST", "/containers/conf-a/start")
    s.call("GET", "/containers/conf-a/json")
    for filters in (
        {"publish": ["48080"]}, {"publish": ["48000-48090/udp"]}, {"publish": ["80"]}, {"expose": ["81"]},
        {"expose": ["82/udp"]}, {"expose": ["83"]},
    ):  # fmt: skip
        s.call("GET", "/containers/json", query={"filters": {**filters, "label": ["c=p"]}})
    s.create("conf-b", "sleep", "60", **asked)
    s.call("POST", "/containers/conf-b/start")
    s.quietly("POST", "/containers/conf-a/kill")
    s.wait("conf-a")
    s.call("GET", "/containers/conf-a/json")
    s.remove("conf-a")
    s.remove("conf-b")


@scenario
def networks(s: Session) -> None:
    """Making, showing and removing networks, and what is refused."""
    mine = {"label": ["conf=net"]}
    labels = {"Labels": {"conf": "net"}}
    s.quietly("POST", "/networks/prune", query={"filters": mine})
    for number, config in enumerate(
        (
            {}, {"IPAM": {"Options": {"a": "b"}}}, {"Internal": True, "Attachable": True},
            {"Options": {"com.docker.network.bridge.enable_icc": "0", "com.docker.network.driver.mtu": "1400"}},
            {"IPAM": {"Driver": "default", "Config": [
                {"Subnet": "198.19.3.0/24", "Gateway": "198.19.3.5", "IPRange": "198.19.3.128/25",
                 "AuxiliaryAddresses": {"x": "198.19.3.130"}}]}},
            {"IPAM": {"Config": [{"Subnet": "198.19.2.0/24"}]}},
        )
    ):  # fmt: skip
        made = s.call("POST", "/networks/create", {"Name": f"conf-net{number}", **labels, **config})
        s.ids[made["Id"]] = f"net{number}"
        s.call("GET", f"/networks/conf-net{number}")
    s.call("GET", "/networks", query={"filters": {"driver": ["bridge"], "label": ["conf=net"], "name": ["conf-net4"]}})
    s.call("POST", "/networks/create", {"Name": "conf-net0", "CheckDuplicate": True})
    for body in (
        {}, {"Name": 5}, {"Name": "host"}, {"Name": "default"}, {"Name": "n", "Driver": "nonesuch"},
        {"Name": "n", "Driver": "overlay"}, {"Name": "n", "Driver": "null"}, {"Name": "n", "Scope": "swarm"},
        {"Name": "n", "Ingress": True}, {"Name": "n", "EnableIPv4": False}, {"Name": "n", "Options": {"a": 1}},
        {"Name": "n", "ConfigFrom": {"Network": "nonesuch"}}, {"Name": "n", "IPAM": {"Driver": "nonesuch"}},
        {"Name": "n", "IPAM": {"Config": {}}},
        {"Name": "n", "IPAM": {"Config": [{"Subnet": "198.19.2.0/25"}]}},
    ):  # fmt: skip
        s.call("POST", "/networks/create", body)
    for config in (
        {"Subnet": "198.18.0.5/24"}, {"Subnet": "x"}, {"Gateway": "198.18.0.5"},
        {"Subnet": "198.18.0.0/24", "Gateway": "198.18.1.1", "IPRange": "198.18.1.0/25"},
        {"Subnet": "198.18.0.0/24", "Gateway": "x", "IPRange": "198.18.0.0/16"},
        {"Subnet": "198.18.0.0/24", "IPRange": "198.18.0.5/25", "AuxiliaryAddresses": {"a": "198.18.1.1"}},
    ):  # fmt: skip
        s.call("POST", "/networks/create", {"Name": "n", "IPAM": {"Config": [config]}})
    for option, value in (
        ("bridge.enable_icc", "x"), ("bridge.enable_ip_masquerade", ""), ("driver.mtu", "x"), ("driver.mtu", "-1"),
        ("bridge.host_binding_ipv4", "x"), ("bridge.gateway_mode_ipv4", "x"),
    ):  # fmt: skip
        s.call("POST", "/networks/create", {"Name": "n", "Options": {f"com.docker.network.{option}": value}})
    s.call("DELETE", "/networks/conf-net0")
    s.call("DELETE", "/networks/conf-net0")
    for name in ("bridge", "host", "none"):
        s.call("DELETE", f"/networks/{name}")
    for filters in ({"x": ["y"]}, {"until": ["x"]}, mine | {"until": ["2000-01-01"]}, mine | {"label!": ["conf"]}):
        s.call("POST", "/networks/prune", query={"filters": filters})
    s.call("POST", "/networks/prune", query={"filters": {"label": ["conf=net"], "label!": ["other"]}})


@scenario
def containers_in_networks(s: Session) -> None:
    """Containers in networks that somebody made: addresses, names, files, and what they see of each other."""
    s.remove("conf-a")
    s.remove("conf-b")
    for name, config in (("conf-lan", {"Subnet": "198.19.5.0/24"}), ("conf-lan2", None), ("conf-in", None)):
        s.quietly("DELETE", f"/networks/{name}")
        ipam = {"IPAM": {"Config": [config]}} if config else {}
        made = s.quietly("POST", "/networks/create", {"Name": name, "Internal": name == "conf-in", **ipam})
        s.ids[made["Id"]] = name
    endpoints = {
        "conf-lan": {"Aliases": ["web", "Big"], "IPAMConfig": {"IPv4Address": "198.19.5.77"}},
        "conf-lan2": {"Aliases": ["far"]},
        "conf-in": {},
    }
    network = {"NetworkingConfig": {"EndpointsConfig": endpoints}, "HostConfig": {"NetworkMode": "conf-lan"}}
    s.create("conf-a", "sleep", "60", Hostname="host", record=True, **network)
    s.call("GET", "/containers/conf-a/json")
    s.call("POST", "/containers/conf-a/start")
    s.call("GET", "/containers/conf-a/json")
    s.call("GET", "/containers/json", query={"filters": {"network": ["conf-lan2"]}})
    s.call("GET", "/networks/conf-lan")
    s.create("conf-b", "cat", "/etc/resolv.conf", HostConfig={"NetworkMode": "conf-lan"})
    s.call("POST", "/containers/conf-b/start")
    s.wait("conf-b")
    s.call("GET", "/containers/conf-b/logs", query={"stdout": "1"})
    s.call("GET", "/containers/conf-b/json")
    for name in ("web", "big", "conf-a", "host", "conf-a.conf-lan"):
        s.create("conf-b", "nslookup", "-type=a", name, HostConfig={"NetworkMode": "conf-lan"})
        s.quietly("POST", "/containers/conf-b/start")
        s.wait("conf-b")
        s.call("GET", "/containers/conf-b/logs", query={"stdout": "1"})
    for wants in ({"IPAMConfig": {"IPv4Address": "198.19.6.1"}}, {"IPAMConfig": {"IPv4Address": "x"}}):
        body = {"Image": IMAGE, "HostConfig": {"NetworkMode": "conf-lan"}}
        s.call("POST", "/containers/create", body | {"NetworkingConfig": {"EndpointsConfig": {"conf-lan": wants}}})
    taken = {"conf-lan": {"IPAMConfig": {"IPv4Address": "198.19.5.77"}}}
    s.create("conf-b", "true", NetworkingConfig={"EndpointsConfig": taken}, HostConfig={"NetworkMode": "conf-lan"})
    s.call("POST", "/containers/conf-b/start")
    s.remove("conf-b")
    s.call("DELETE", "/networks/conf-lan")
    s.quietly("POST", "/containers/conf-a/kill")
    s.wait("conf-a")
    s.call("GET", "/containers/conf-a/json")
    s.call("GET", "/networks/conf-lan")
    for name in ("conf-lan", "conf-lan2", "conf-in"):
        s.quietly("DELETE", f"/networks/{name}")
    s.remove("conf-a")


@scenario
def connecting(s: Session) -> None:
    """Containers that are connected and disconnected, while they run and while they do not."""
    s.remove("conf-a")
    s.remove("conf-b")
    for name, config in (("conf-lan", {"Subnet": "198.19.7.0/24"}), ("conf-lan2", None), ("conf-in", None)):
        s.quietly("DELETE", f"/networks/{name}")
        ipam = {"IPAM": {"Config": [config]}} if config else {}
        made = s.quietly("POST", "/networks/create", {"Name": name, "Internal": name == "conf-in", **ipam})
        s.ids[made["Id"]] = name
    s.create("conf-a", "sleep", "60", HostConfig={"NetworkMode": "conf-lan"})
    s.quietly("POST", "/containers/conf-a/start")
    s.create("conf-b", "sleep", "60", Hostname="host")

    def change(verb: str, network: str, **body: object) -> None:
        s.call("POST", f"/networks/{network}/{verb}", {"Container": "conf-a", **body})

    change("connect", "conf-lan")
    address = {"IPAMConfig": {"IPv4Address": "198.19.7.2"}}
    for network, wants in (
        ("conf-lan", {"IPAMConfig": {"IPv4Address": "198.19.8.1"}}), ("conf-lan2", address), ("nonesuch", {}),
        ("host", {}), ("none", {}), ("bridge", {"Aliases": ["a"]}),
    ):  # fmt: skip
        change("connect", network, EndpointConfig=wants)
    s.call("POST", "/networks/conf-lan/connect", {"Container": "nonesuch"})
    s.call("POST", "/networks/conf-lan/connect", {})
    for network in ("conf-lan2", "bridge", "conf-in"):
        change("connect", network, **({} if network == "bridge" else {"EndpointConfig": {"Aliases": ["x"]}}))
        s.call("GET", "/containers/conf-a/json")
    for network in ("conf-lan2", "conf-lan2", "host", "nonesuch", "conf-lan", "bridge"):
        change("disconnect", network)
    s.call("GET", "/containers/conf-a/json")
    change("disconnect", "conf-in")
    s.call("GET", "/containers/conf-a/json")
    change("connect", "conf-lan", EndpointConfig=address)
    s.call("GET", "/containers/conf-a/json")
    s.call("POST", "/networks/conf-lan/disconnect", {"Container": "nonesuch"})
    for network in ("conf-lan", "conf-lan", "bridge"):
        s.call("POST", f"/networks/{network}/connect", {"Container": "conf-b"})
    s.call("GET", "/containers/conf-b/json")
    for network in ("bridge", "bridge"):
        s.call("POST", f"/networks/{network}/disconnect", {"Container": "conf-b"})
    s.call("POST", "/containers/conf-b/start")
    s.call("GET", "/containers/conf-b/json")

    def see() -> None:
        for container, command in (
            ("conf-a", ("nslookup", "-type=a", "host")), ("conf-b", ("nslookup", "-type=a", "conf-a")),
            ("conf-a", ("ip", "route")), ("conf-b", ("ping", "-c1", "-w9", "-q", "conf-a")),
            ("conf-a", ("grep", "198", "/etc/hosts")), ("conf-a", ("cat", "/etc/resolv.conf")),
        ):  # fmt: skip
            exec_id = s.exec(container, *command)
            if "ping" in command:
                s.quietly("POST", f"/exec/{exec_id}/start", {})
                s.call("GET", f"/exec/{exec_id}/json")
            else:
                s.call("POST", f"/exec/{exec_id}/start", {})

    see()
    s.create("conf-a", "sleep", "60")  # on the default network, which has no names
    s.quietly("POST", "/containers/conf-a/start")
    change("connect", "conf-lan", EndpointConfig=address)
    change("disconnect", "bridge")
    see()
    s.remove("conf-a")
    s.remove("conf-b")
    for name in ("conf-lan", "conf-lan2", "conf-in"):
        s.call("DELETE", f"/networks/{name}")
