"""Networks as Docker's JSON. Pure."""

from __future__ import annotations

from typing import Any

from compat_api.shapes.times import rfc3339_nano
from engine.network.record import Endpoint, Network

Json = dict[str, Any]


def network(found: Network, endpoints: list[tuple[str, Endpoint]]) -> Json:
    """Return a network as inspect shows it, with its (container name, endpoint) pairs; the list has it without."""
    definition = found.definition
    return {
        "Name": found.name,
        "Id": found.id,
        "Created": rfc3339_nano(found.created),
        "Scope": definition.scope,
        "Driver": definition.driver,
        "EnableIPv4": definition.enable_ipv4,
        "EnableIPv6": definition.enable_ipv6,
        "IPAM": {"Driver": "default", "Options": definition.ipam_options, "Config": _ipam(found)},
        "Internal": definition.internal,
        "Attachable": definition.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": definition.config_from},
        "ConfigOnly": definition.config_only,
        "Containers": {endpoint.container_id: _endpoint(name, endpoint) for name, endpoint in _by_id(endpoints)},
        "Options": dict(sorted(definition.options.items())),
        "Labels": dict(sorted(definition.labels.items())),
    }


def _by_id(endpoints: list[tuple[str, Endpoint]]) -> list[tuple[str, Endpoint]]:
    return sorted(endpoints, key=lambda each: each[1].container_id)


def _ipam(found: Network) -> list[Json] | None:
    made = []
    for subnet in found.definition.subnets:
        fields = {
            "Subnet": subnet.subnet,
            "IPRange": subnet.ip_range,
            "Gateway": subnet.gateway if subnet.shown_gateway else "",
            "AuxiliaryAddresses": subnet.auxiliary,
        }
        made.append({key: value for key, value in fields.items() if value})
    return made or None


def _endpoint(name: str, endpoint: Endpoint) -> Json:
    address = f"{endpoint.ip_address}/{endpoint.prefix_length}" if endpoint.ip_address else ""
    address6 = f"{endpoint.ipv6_address}/{endpoint.ipv6_prefix_length}" if endpoint.ipv6_address else ""
    return {
        "Name": name,
        "EndpointID": endpoint.id,
        "MacAddress": endpoint.mac_address,
        "IPv4Address": address,
        "IPv6Address": address6,
    }
