"""Putting a container that runs into one more network, and taking it out of one.

Called by engine.containers.networks under the container's lock. Both can be repeated: what a killed process left of a
place in a network is taken away before a new one is made.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine import locks
from engine.network import attend, connect, machine, publish, sandbox
from engine.network import netlink as nl
from engine.network.record import LOCK, Endpoint, Network, NetworkRequest
from engine.network.ruleset import PublishedPort
from engine.network.sandbox import namespace_path
from engine.network.wire import add_ends, default_routes, outer_name
from engine.state.codec import decode

if TYPE_CHECKING:
    from engine.containers.config import EndpointRequest
    from engine.network import Networks
    from engine.network.connect import Bindings
    from engine.state.database import Transaction

Places = list[tuple[Network, Endpoint]]


@dataclass(frozen=True, slots=True)
class Moved:
    """Ports whose container has changed networks: what the firewall led and is to lead, what inspect is to show.

    count: that of the firewall's transactions at which the table was right (engine.network.generation).
    """

    before: list[PublishedPort]
    after: list[PublishedPort]
    shown: Bindings
    count: int | None = None


def places(networks: Networks, container_id: str) -> Places:
    """Return the networks that a container is in, with its places in them."""
    rows = networks.database.rows("SELECT * FROM endpoints WHERE container_id = ? ORDER BY rowid", (container_id,))
    return [(networks.resolve(row["network_id"]), decode(Endpoint, row["definition"])) for row in rows]


def claim(
    networks: Networks,
    tx: Transaction,
    network: Network,
    container_id: str,
    request: NetworkRequest,
    wants: EndpointRequest,
) -> Endpoint:
    """Give a container a place in one more network, in the database. Raises NoFreeAddress and AddressTaken."""
    joined = [endpoint for _, endpoint in places(networks, container_id)]
    used = {endpoint.outer for endpoint in joined} | {endpoint.interface for endpoint in joined}
    number = next(
        each
        for each in range(len(used) + 1)
        if outer_name(container_id, each) not in used and connect.interface_name(network, wants, each) not in used
    )
    return connect.claim(tx, network, container_id, request, wants, number)


def apply(networks: Networks, network: Network, endpoint: Endpoint, priorities: Mapping[str, int]) -> None:
    """Make a place that was claimed. Raises as engine.network.connect.apply."""
    if not network.wired:
        return
    path = namespace_path(networks.settings, endpoint.container_id)
    now = places(networks, endpoint.container_id)
    ways = connect.ways_out(now, priorities)
    first = [nl.delete_default_route()] if ways.ipv4 == endpoint.id else []
    first += [nl.delete_default_route(ipv6=True)] if ways.ipv6 == endpoint.id else []
    others = [end for _, end in now if end.names and end.id != endpoint.id]
    questions: list[int] = []
    try:
        with locks.locked(networks.settings.locks, LOCK):
            index = machine.ensure(networks, network)
            machine.publish(networks, [])
            questions = add_ends(
                path, [(index, network, endpoint)], first, ways=ways, resolver=bool(endpoint.names) and not others
            )
            if endpoint.names:
                attend.update(networks, {attend.questions_key(endpoint.container_id): questions} if questions else {})
    finally:
        for descriptor in questions:
            os.close(descriptor)


def lead_ports(networks: Networks, tx: Transaction, container_id: str, request: NetworkRequest) -> Moved:
    """Lead a container's ports, in the database, to the networks that it is in now; lead_there is due afterwards."""
    now = places(networks, container_id)
    ways = connect.ways_out(now, {name: wants.gw_priority for name, wants in request.endpoints.items()})
    moved = Moved(*publish.move_ports(tx, container_id, request.exposed, publish.targets(now, ways)))
    if moved.before == moved.after:
        return moved
    return replace(moved, count=machine.distrust(networks))  # whoever comes after a kill makes the table anew


def lead_there(networks: Networks, moved: Moved) -> None:
    """Lead ports on the machine to where lead_ports said.

    Raises FirewallFailed, FirewallMissing, AttendantFailed and OSError.
    """
    gone = [port for port in moved.before if port not in moved.after]
    new = [port for port in moved.after if port not in moved.before]
    if not gone and not new:
        return
    with locks.locked(networks.settings.locks, LOCK):
        machine.lead(networks, gone, new, moved.count)
        attend.update(networks)
    udp = [port.host_port for port in (*gone, *new) if port.protocol == "udp"]
    if udp:
        from engine.network.conntrack import forget_udp

        forget_udp(host_ports=udp)


def take_out(networks: Networks, tx: Transaction, endpoint: Endpoint) -> None:
    """Give back what a place in a network was, in the database."""
    tx.execute("DELETE FROM leases WHERE endpoint_id = ?", (endpoint.id,))
    tx.execute("DELETE FROM endpoints WHERE id = ?", (endpoint.id,))


def undo(networks: Networks, endpoint: Endpoint, priorities: Mapping[str, int]) -> None:
    """Take a place away on the machine, after take_out; the next network gets the default route.

    Raises NetlinkFailed, FirewallFailed, FirewallMissing, AttendantFailed and OSError.
    """
    with locks.locked(networks.settings.locks, LOCK):
        if endpoint.outer:
            with nl.Netlink() as host:
                host.run(nl.delete_link(endpoint.outer))
        _lead_out(networks, endpoint.container_id, priorities, gone="" if endpoint.outer else endpoint.interface)
        if endpoint.names:
            attend.update(networks)


def lead_out(networks: Networks, container_id: str) -> None:
    """Give a container the default routes that it should have, after somebody took an interface of its away."""
    from engine.containers import rows  # the priorities are part of what was asked of the container

    asked = rows.get(networks.database, container_id).definition.endpoints
    with locks.locked(networks.settings.locks, LOCK):
        _lead_out(networks, container_id, {name: wants.gw_priority for name, wants in asked.items()})


def _lead_out(networks: Networks, container_id: str, priorities: Mapping[str, int], *, gone: str = "") -> None:
    """Make the default routes anew, and lead questions nowhere when no network is asked; gone is removed before."""
    from engine.network import resolver

    path = namespace_path(networks.settings, container_id)
    now = places(networks, container_id)
    ways = connect.ways_out(now, priorities)

    def inside() -> None:
        with nl.Netlink() as link:
            if gone:
                link.run(nl.delete_link(gone))
            requests = [nl.delete_default_route(), nl.delete_default_route(ipv6=True)] if now else []
            for _, end in now:
                index = nl.index_of(end.interface) if end.id in ways.ids else None
                if index is not None:
                    requests += default_routes(end, index, ways)
            if requests:
                link.run(*requests)
        if not any(end.names for _, end in now):
            resolver.end()

    with suppress(FileNotFoundError):  # it has ended
        sandbox.inside(path, inside)
