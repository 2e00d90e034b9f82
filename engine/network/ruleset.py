"""The engine's one nftables table, as text. Pure.

A bridge is an element of the set `bridges` and, paired with itself, of `within`, that of a network without a way out
one of `internal`, a subnet one of `subnets` and, when it is hidden behind the machine's address, of `hidden`. A
published port is an element of the map `any` (every address of this machine) or `one` (a certain address): what comes
and goes are elements, the rules stay.

Packets that other tables drop (docker's FORWARD policy, firewalld's zones) stay dropped: an accept here ends only
this table's part. Where those are at work, their own configuration has to let our bridges pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ANY_ADDRESS = ("", "0.0.0.0")


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge's interface name and its IPv4 subnet, such as 172.17.0.0/16.

    connects: its containers reach each other. hidden: they reach others under the machine's address. internal: they
    reach nobody else.
    """

    name: str
    subnet: str
    connects: bool = True
    hidden: bool = True
    internal: bool = False


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A port of this machine that leads to a container; host_ip is empty or 0.0.0.0 for every address."""

    protocol: str
    host_ip: str
    host_port: int
    container_ip: str
    container_port: int


def whole_table(table: str, bridges: Iterable[Bridge], ports: Iterable[PublishedPort]) -> str:
    """Return commands that make the table what it should be, whatever it was."""
    bridges = list(bridges)
    lines = [f"add table inet {table}", f"delete table inet {table}", _skeleton(table)]
    lines += [add_bridge(table, bridge) for bridge in bridges]
    lines += [add_port(table, port) for port in ports]
    return "\n".join(lines)


def add_bridge(table: str, bridge: Bridge) -> str:
    """Return commands that take a bridge in."""
    return "\n".join(f"add element inet {table} {element}" for element in _elements(bridge))


def delete_bridge(table: str, bridge: Bridge) -> str:
    """Return commands that put a bridge out."""
    return "\n".join(f"delete element inet {table} {element}" for element in _elements(bridge))


def add_port(table: str, port: PublishedPort) -> str:
    """Return the command that publishes a port."""
    return f"add element inet {table} {_key(port)} : {port.container_ip} . {port.container_port} }}"


def delete_port(table: str, port: PublishedPort) -> str:
    """Return the command that ends a port's publishing."""
    return f"delete element inet {table} {_key(port)} }}"


def _elements(bridge: Bridge) -> list[str]:
    return [
        f'bridges {{ "{bridge.name}" }}',
        f"subnets {{ {bridge.subnet} }}",
        *([f'within {{ "{bridge.name}" . "{bridge.name}" }}'] if bridge.connects else []),
        *([f"hidden {{ {bridge.subnet} }}"] if bridge.hidden else []),
        *([f'internal {{ "{bridge.name}" }}'] if bridge.internal else []),
    ]


def _key(port: PublishedPort) -> str:
    if port.host_ip in ANY_ADDRESS:
        return f"any {{ {port.protocol} . {port.host_port}"
    return f"one {{ {port.host_ip} . {port.protocol} . {port.host_port}"


def _skeleton(table: str) -> str:
    to_port = (
        "fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @one\n"
        "        fib daddr type local dnat ip to meta l4proto . th dport map @any"
    )
    return f"""table inet {table} {{
    set bridges {{ type ifname; }}
    set within {{ type ifname . ifname; }}
    set internal {{ type ifname; }}
    set subnets {{ type ipv4_addr; flags interval; }}
    set hidden {{ type ipv4_addr; flags interval; }}
    map any {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
    map one {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }}

    # With route_localnet a container could otherwise reach what listens on this machine's loopback only.
    chain raw {{
        type filter hook prerouting priority raw; policy accept;
        iifname @bridges ip daddr 127.0.0.0/8 drop
    }}
    chain prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
        {to_port}
    }}
    chain output {{
        type nat hook output priority -100; policy accept;
        {to_port}
    }}
    # Out of the bridges under the machine's address; and a published port's answer has to come back this way when
    # the client is this machine's loopback or a container on the same bridge.
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        oifname != @bridges ip saddr @hidden masquerade
        oifname @bridges ip saddr 127.0.0.0/8 masquerade
        oifname @bridges ip saddr @subnets ct status dnat masquerade
    }}
    # Only published ports, answers, and containers of the same bridge reach a container; from a network without a way
    # out nothing leaves, and nothing is answered.
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname . oifname @within accept
        iifname @internal drop
        oifname @internal drop
        ct state established,related accept
        oifname @bridges ct status dnat accept
        iifname @bridges oifname != @bridges accept
        oifname @bridges drop
    }}
}}"""
