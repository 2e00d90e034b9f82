"""A container's place in its networks as Docker's JSON: endpoints, NetworkSettings and the list of ports. Pure."""

from __future__ import annotations

from typing import Any

from engine.containers.config import EndpointRequest
from engine.containers.listing import network_names
from engine.containers.record import ConnectedEndpoint, Container

Json = dict[str, Any]

_NOT_ASKED, _NOT_CONNECTED = EndpointRequest(), ConnectedEndpoint()


def network_settings(container: Container) -> Json:
    """Return NetworkSettings as inspect shows it; what belongs to the default bridge stands at the top again."""
    networks = {name: endpoint(container, name) for name in network_names(container)}
    bridge = networks.get("bridge") or _endpoint(EndpointRequest(), ConnectedEndpoint(), "")
    return {
        "Bridge": "",
        "SandboxID": container.network.sandbox_id,
        "SandboxKey": container.network.sandbox_key,
        "Ports": _ports(container),
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": bridge["EndpointID"],
        "Gateway": bridge["Gateway"],
        "GlobalIPv6Address": bridge["GlobalIPv6Address"],
        "GlobalIPv6PrefixLen": bridge["GlobalIPv6PrefixLen"],
        "IPAddress": bridge["IPAddress"],
        "IPPrefixLen": bridge["IPPrefixLen"],
        "IPv6Gateway": bridge["IPv6Gateway"],
        "MacAddress": bridge["MacAddress"],
        "Networks": networks,
    }


def endpoint(container: Container, network: str) -> Json:
    """Return a container's endpoint in one network, as inspect shows it."""
    request = container.definition.endpoints.get(network, _NOT_ASKED)
    connected = container.network.endpoints.get(network, _NOT_CONNECTED)
    asked_mac = "" if container.state.run and not container.state.alive else request.mac_address
    return _endpoint(request, connected, connected.mac_address or asked_mac)


def endpoint_summary(container: Container, network: str) -> Json:
    """Return a container's endpoint as the list shows it, which leaves out what was asked for."""
    found = endpoint(container, network)
    if found["IPAMConfig"]:
        found["IPAMConfig"].pop("LinkLocalIPs", None)
    return {**found, "Links": None, "Aliases": None, "DriverOpts": None, "DNSNames": None}


def port_list(container: Container) -> list[Json]:
    """Return the ports as the list shows them, in order of their inner side."""
    found: list[Json] = []
    for port in sorted(container.network.ports, key=_port_order):
        number, _, protocol = port.partition("/")
        bindings = container.network.ports[port]
        if not bindings:
            found.append({"PrivatePort": int(number), "Type": protocol})
        for address, host_port in bindings or ():
            side = {"IP": address} if address else {}
            outer = {"PublicPort": int(host_port)} if int(host_port or 0) else {}
            found.append({**side, "PrivatePort": int(number), **outer, "Type": protocol})
    return found


def _port_order(port: str) -> tuple[int, str]:
    number, _, protocol = port.partition("/")
    return int(number), protocol


def _ports(container: Container) -> Json:
    ports = container.network.ports
    return {
        port: [{"HostIp": address, "HostPort": number} for address, number in bindings] if bindings else None
        for port, bindings in sorted(ports.items())
    }


def _endpoint(request: EndpointRequest, connected: ConnectedEndpoint, mac_address: str) -> Json:
    return {
        "IPAMConfig": _ipam(request),
        "Links": request.links,
        "Aliases": request.aliases,
        "MacAddress": mac_address,
        "DriverOpts": request.driver_opts,
        "GwPriority": request.gw_priority,
        "NetworkID": connected.network_id,
        "EndpointID": connected.endpoint_id,
        "Gateway": connected.gateway,
        "IPAddress": connected.ip_address,
        "IPPrefixLen": connected.ip_prefix_len,
        "IPv6Gateway": connected.ipv6_gateway,
        "GlobalIPv6Address": connected.ipv6_address,
        "GlobalIPv6PrefixLen": connected.ipv6_prefix_len,
        "DNSNames": connected.dns_names,
    }


def _ipam(request: EndpointRequest) -> Json | None:
    asked = {
        "IPv4Address": request.ipv4_address,
        "IPv6Address": request.ipv6_address,
        "LinkLocalIPs": request.link_local_ips,
    }
    return {key: value for key, value in asked.items() if value} or ({} if request.ipam_given else None)
