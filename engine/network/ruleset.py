"""The engine's one nftables table, as text. Pure.

A bridge is an element of the set `bridges` and, paired with itself, of `within`, that of a network without a way out
one of `internal`, a subnet one of `subnets` and, when it is hidden behind the machine's address, of `hidden`. A
published port is an element of the map `any` (every address of this machine) or `one` (a certain address); of a network
that is routed to, it is one of `direct`. What has to do with addresses is there twice, for IPv6 with a 6 in its name.
What comes and goes are elements, the rules stay.

Packets that other tables drop (docker's FORWARD policy, firewalld's zones) stay dropped: an accept here ends only
this table's part. Where those are at work, their own configuration has to let our bridges pass.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.lean_dataclasses import dataclass

ANY_ADDRESS = ("", "0.0.0.0", "::")
DIRECT = "direct/"  # begins the host address of a port that is open at the container's own


@dataclass(frozen=True, slots=True)
class Range:
    """A subnet of a bridge, such as 172.17.0.0/16, and how its containers and the rest of the world reach each other.

    hidden: they reach others under the machine's address, under source if that is one. mode: nat (only published
    ports are reached), nat-unprotected (all ports are), routed (published ports, under the container's own address),
    isolated.
    """

    subnet: str
    hidden: bool = True
    source: str = ""
    mode: str = "nat"

    @property
    def family(self) -> str:
        """What the names of sets and maps for this kind of address end with."""
        return "6" if ":" in self.subnet else ""


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge's interface name and its subnets, one of each kind of address at most.

    connects: its containers reach each other. internal: they reach nobody else. trusted: interfaces from which they are
    reached directly.
    """

    name: str
    ranges: tuple[Range, ...]
    connects: bool = True
    internal: bool = False
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A port of this machine that leads to a container; host_ip is empty, 0.0.0.0 or :: for every address.

    Both addresses are of the same kind. With a host_ip that begins with "direct/" it is the container's own port.
    """

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
    """Return the command that publishes a port; engine.network.elements does the same in a table that is there."""
    key, leads = f"{port.protocol} . {port.host_port}", f" : {port.container_ip} . {port.container_port}"
    if port.host_ip.startswith(DIRECT):
        key, leads = f"{port.container_ip} . {key}", ""
    elif port.host_ip not in ANY_ADDRESS:
        key = f"{port.host_ip} . {key}"
    return f"add element inet {table} {set_of(port)} {{ {key}{leads} }}"


def _elements(bridge: Bridge) -> list[str]:
    made = [f'bridges {{ "{bridge.name}" }}']
    if bridge.connects:
        made.append(f'within {{ "{bridge.name}" . "{bridge.name}" }}')
    if bridge.internal:
        made.append(f'internal {{ "{bridge.name}" }}')
    made += [f'within {{ "{each}" . "{bridge.name}" }}' for each in bridge.trusted]
    for each in bridge.ranges:
        made.append(f"subnets{each.family} {{ {each.subnet} }}")
        if each.hidden and each.source:
            made.append(f"sources{each.family} {{ {each.subnet} : {each.source} }}")
        elif each.hidden:
            made.append(f"hidden{each.family} {{ {each.subnet} }}")
        if each.mode == "nat-unprotected":
            made.append(f"open{each.family} {{ {each.subnet} }}")
        if each.mode == "routed":
            made.append(f"routed{each.family} {{ {each.subnet} }}")
    return made


def set_of(port: PublishedPort) -> str:
    """Return the set or map that has a port's element."""
    kind = "direct" if port.host_ip.startswith(DIRECT) else "any" if port.host_ip in ANY_ADDRESS else "one"
    return kind + ("6" if ":" in port.container_ip else "")


def _sets(family: str, kind: str) -> str:
    return f"""
    set subnets{family} {{ type {kind}; flags interval; }}
    set hidden{family} {{ type {kind}; flags interval; }}
    set open{family} {{ type {kind}; flags interval; }}
    set routed{family} {{ type {kind}; flags interval; }}
    set direct{family} {{ type {kind} . inet_proto . inet_service; }}
    map sources{family} {{ type {kind} : {kind}; flags interval; }}
    map any{family} {{ type inet_proto . inet_service : {kind} . inet_service; }}
    map one{family} {{ type {kind} . inet_proto . inet_service : {kind} . inet_service; }}"""


def _skeleton(table: str) -> str:
    to_port = (
        "fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @one\n"
        "        fib daddr type local dnat ip to meta l4proto . th dport map @any\n"
        "        ip6 daddr != ::1 fib daddr type local dnat ip6 to ip6 daddr . meta l4proto . th dport map @one6\n"
        "        ip6 daddr != ::1 fib daddr type local dnat ip6 to meta l4proto . th dport map @any6"
    )
    return f"""table inet {table} {{
    set bridges {{ type ifname; }}
    set within {{ type ifname . ifname; }}
    set internal {{ type ifname; }}{_sets("", "ipv4_addr")}{_sets("6", "ipv6_addr")}

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
        oifname != @bridges snat ip to ip saddr map @sources
        oifname != @bridges snat ip6 to ip6 saddr map @sources6
        oifname != @bridges ip saddr @hidden masquerade
        oifname != @bridges ip6 saddr @hidden6 masquerade
        oifname @bridges ip saddr 127.0.0.0/8 masquerade
        oifname @bridges ip saddr @subnets ct status dnat masquerade
        oifname @bridges ip6 saddr @subnets6 ct status dnat masquerade
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
        oifname @bridges ip daddr @open accept
        oifname @bridges ip6 daddr @open6 accept
        oifname @bridges ip daddr @routed meta l4proto icmp accept
        oifname @bridges ip6 daddr @routed6 meta l4proto ipv6-icmp accept
        oifname @bridges ip daddr . meta l4proto . th dport @direct accept
        oifname @bridges ip6 daddr . meta l4proto . th dport @direct6 accept
        iifname @bridges oifname != @bridges accept
        oifname @bridges drop
    }}
}}"""
