"""A container's published ports as rows: claimed at its start, led elsewhere when its networks change.

A row says where a port of the machine leads: to the IPv4 or the IPv6 address of the endpoints that have the default
routes, or nowhere when the container has none. Its socket is held for as long as the container runs, whatever the row
says. In a network that is routed to, a port has no row of the machine's but one that opens it at the container's own
address; its host address begins with "direct/".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from engine.lean_dataclasses import dataclass, replace
from engine.network.record import Endpoint, Network
from engine.network.ruleset import DIRECT, PublishedPort

if TYPE_CHECKING:
    import sqlite3

    from engine.network.connect import Bindings, Plan, Ways
    from engine.network.ports import PortRequest
    from engine.state.database import Transaction

ROUTED_SHOWN = {False: "0.0.0.0", True: "::"}  # what inspect shows of a port that is routed to, without a port


@dataclass(frozen=True, slots=True)
class Targets:
    """The addresses that ports lead to, empty where there are none, and those of them that are routed to."""

    network: Network
    endpoint: Endpoint
    ipv4: str
    ipv6: str
    routed: tuple[str, ...]

    def of(self, host_ip: str) -> str:
        """Return the address that a port of the machine's address leads to; empty for none."""
        if ":" not in host_ip:
            return "" if self.ipv4 in self.routed else self.ipv4
        return "" if self.ipv6 in self.routed else self.ipv6 or self.ipv4


def targets(endpoints: Sequence[tuple[Network, Endpoint]], ways: Ways) -> Targets | None:
    """Return where the ports of a container with these endpoints lead; None when they lead nowhere."""
    by_id = {endpoint.id: (network, endpoint) for network, endpoint in endpoints if network.bridged}
    four, six = by_id.get(ways.ipv4), by_id.get(ways.ipv6)
    leading = four or six
    if leading is None:
        return None
    ipv4 = four[1].ip_address if four is not None else ""
    ipv6 = six[1].ipv6_address if six is not None else ""
    routed = []
    if four is not None and four[0].mode(ipv6=False) == "routed":
        routed.append(ipv4)
    if six is not None and six[0].mode(ipv6=True) == "routed":
        routed.append(ipv6)
    return Targets(*leading, ipv4, ipv6, tuple(routed))


def claim_ports(tx: Transaction, made: Plan) -> None:
    """Claim the ports of a container that starts, and hold their sockets. Raises PortFailure."""
    from engine.network.attend import fresh_ports
    from engine.network.port_errors import PortFailure
    from engine.network.ports import reserve, shown_key, wanted_ports

    request = made.request
    where = targets(made.endpoints, made.ways)
    if where is None:
        return

    def taken(protocol: str, host_ip: str, port: int) -> str | None:
        rows = tx.execute("SELECT host_ip FROM ports WHERE protocol = ? AND host_port = ?", (protocol, port))
        return next((row["host_ip"] for row in rows if overlap(row["host_ip"], host_ip)), None)

    for exposed in request.exposed:
        made.bindings[shown_key(exposed)] = None
    for wanted in wanted_ports(request.exposed, request.ports, request.publish_all):
        key = f"{wanted.container_port}/{wanted.protocol}"
        bound = made.bindings.get(key) or []
        held, direct = _divided(wanted, where)
        for address in direct:
            bound.append((ROUTED_SHOWN[":" in address], ""))
            made.ports += open_directly(tx, made.container_id, wanted.protocol, wanted.container_port, address)
        if held.host_ips:
            try:
                reserved = reserve(held, taken, container_ip=where.ipv4 or where.ipv6, container_ip6=where.ipv6)
            except PortFailure as error:
                raise error.at(request.name, where.endpoint.id) from error
            made.held += reserved.fds
            for host_ip, port in reserved.bindings:
                bound.append((host_ip, str(port)))
                target = where.of(host_ip)
                made.ports += led([PublishedPort(wanted.protocol, host_ip, port, target, wanted.container_port)])
                values = (wanted.protocol, host_ip, port, made.container_id, target, wanted.container_port)
                tx.execute(INSERT, values)
            made.relayed |= fresh_ports(reserved.held, where.of("::"))
        made.bindings[key] = bound or None


def open_directly(tx: Transaction, container_id: str, protocol: str, port: int, address: str) -> list[PublishedPort]:
    """Open a port at the container's own address."""
    host_ip = f"{DIRECT}{address}"
    tx.execute(INSERT, (protocol, host_ip, port, container_id, address, port))
    return [PublishedPort(protocol, host_ip, port, address, port)]


INSERT = (
    "INSERT OR REPLACE INTO ports (protocol, host_ip, host_port, container_id, container_ip, container_port) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)


def move_ports(
    tx: Transaction, container_id: str, exposed: Sequence[str], where: Targets | None
) -> tuple[list[PublishedPort], list[PublishedPort], Bindings]:
    """Lead the ports of a container that runs to where its default routes are now.

    Returns what the firewall is to let go of, what it is to lead on, and what inspect shows from now on. Ports of a
    container that started without a port of the machine get none now: nobody would hold them.
    """
    from engine.network.ports import shown_key

    before = _rows(tx, container_id)
    tx.execute("DELETE FROM ports WHERE container_id = ? AND host_ip GLOB ?", (container_id, f"{DIRECT}*"))
    shown: Bindings = {shown_key(each): None for each in exposed} if where is not None else {}
    for row in before:
        host_ip, protocol, inner = row["host_ip"], row["protocol"], row["container_port"]
        if host_ip.startswith(DIRECT):
            continue
        key = (protocol, row["host_port"], host_ip)
        target = where.of(host_ip) if where is not None else ""
        tx.execute("UPDATE ports SET container_ip = ? WHERE (protocol, host_port, host_ip) = (?, ?, ?)", (target, *key))
        if where is None:
            continue
        bound = shown[f"{inner}/{protocol}"] = shown.get(f"{inner}/{protocol}") or []
        own = where.ipv6 if ":" in host_ip else where.ipv4
        if target:
            bound.append((host_ip, str(row["host_port"])))
        elif own in where.routed and (ROUTED_SHOWN[":" in own], "") not in bound:
            bound.insert(0, (ROUTED_SHOWN[":" in own], ""))
            open_directly(tx, container_id, protocol, inner, own)
    return of_rows(before), of_rows(_rows(tx, container_id)), shown


def _rows(tx: Transaction, container_id: str) -> list[sqlite3.Row]:
    query = "SELECT * FROM ports WHERE container_id = ? ORDER BY container_port, host_port, host_ip GLOB '*:*', host_ip"
    return tx.execute(query, (container_id,)).fetchall()


def led(ports: Iterable[PublishedPort]) -> list[PublishedPort]:
    """Return the ports that the firewall can lead on: it does not change one kind of address into the other."""
    return [each for each in ports if each.container_ip and (":" in each.host_ip) == (":" in each.container_ip)]


def of_rows(rows: Iterable[sqlite3.Row]) -> list[PublishedPort]:
    """Return what rows lead to by the firewall."""
    return led(
        PublishedPort(row["protocol"], row["host_ip"], row["host_port"], row["container_ip"], row["container_port"])
        for row in rows
    )


def overlap(one: str, other: str) -> bool:
    """Tell whether two host addresses cannot both have a port: the same, or one of them every one of its family."""
    if (":" in one) != (":" in other) or DIRECT in (one[: len(DIRECT)], other[: len(DIRECT)]):
        return False
    return one == other or one in ("0.0.0.0", "::", "") or other in ("0.0.0.0", "::", "")


def _divided(wanted: PortRequest, where: Targets) -> tuple[PortRequest, list[str]]:
    """Return what is to be held of a request, and the container's addresses at which it is to be open directly.

    Left out are addresses of the machine from which nothing leads to the container: IPv4 ones to one without.
    """
    host_ips: list[str] = []
    direct = []
    for host_ip in (each or where.network.host_ip for each in wanted.host_ips):
        four, six = not host_ip or ":" not in host_ip, not host_ip or ":" in host_ip
        if four and where.ipv4 in where.routed:
            direct.append(where.ipv4)
            four = False
        if six and where.ipv6 and where.ipv6 in where.routed:
            direct.append(where.ipv6)
            six = False
        four = four and bool(where.ipv4)
        if four or six:
            host_ips.append(host_ip if host_ip or (four and six) else "0.0.0.0" if four else "::")
    return replace(wanted, host_ips=tuple(host_ips)), list(dict.fromkeys(direct))
