"""Putting a container that runs into one more network, and taking it out of one.

Called by engine.containers.networks under the container's lock. Both can be repeated: what a killed process left of a
place in a network is taken away before a new one is made.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from engine import locks
from engine.lean_dataclasses import dataclass, replace
from engine.network import attend, connect, generation, machine, publish, resolver, sandbox
from engine.network import netlink as nl
from engine.network.record import LOCK, Endpoint, Network, NetworkRequest, endpoint_of
from engine.network.ruleset import PublishedPort
from engine.network.sandbox import namespace_path
from engine.network.wire import add_ends, default_routes, let_go, outer_name
from engine.state.codec import encode

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


NOTHING = Moved([], [], {})


@dataclass(frozen=True, slots=True)
class Questions:
    """The sockets at which a container asks for names from now on, none where it does so already or not at all.

    count: that of the transactions of the firewall inside when questions were led there (engine.network.generation).
    """

    sockets: Sequence[int] = ()
    count: int | None = None

    def close(self) -> None:
        """Close the sockets; who was handed them has its own descriptors."""
        for descriptor in self.sockets:
            os.close(descriptor)


def places(networks: Networks, container_id: str) -> Places:
    """Return the networks that a container is in, with its places in them."""
    rows = networks.database.rows("SELECT * FROM endpoints WHERE container_id = ? ORDER BY rowid", (container_id,))
    return [(networks.resolve(row["network_id"]), endpoint_of(row["definition"])) for row in rows]


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


def apply(networks: Networks, network: Network, endpoint: Endpoint, priorities: Mapping[str, int]) -> Questions:
    """Make a place that was claimed; lead_there is due afterwards, and closing what is returned.

    Raises as engine.network.connect.apply.
    """
    if not network.wired:
        return Questions()
    path = namespace_path(networks.settings, endpoint.container_id)
    now = places(networks, endpoint.container_id)
    ways = connect.ways_out(now, priorities)
    first = [nl.delete_default_route()] if ways.ipv4 == endpoint.id else []
    first += [nl.delete_default_route(ipv6=True)] if ways.ipv6 == endpoint.id else []
    others = any(end.asking for _, end in now if end.id != endpoint.id)
    with locks.locked(networks.settings.locks, LOCK):
        index = machine.ensure(networks, network)
        machine.publish(networks, [])
        asks = endpoint.asking and not others
        with sandbox.opened(path) as namespace:
            opened = add_ends(namespace, [(index, network, endpoint)], first, ways=ways, resolver=asks)
            return Questions(opened, _count(namespace) if opened else None)


def _count(namespace: int) -> int | None:
    found: list[int | None] = []
    sandbox.within(namespace, lambda: found.append(generation.inside()))
    return found[0]


def lead_ports(networks: Networks, tx: Transaction, container_id: str, request: NetworkRequest) -> Moved:
    """Lead a container's ports, in the database, to the networks that it is in now; lead_there is due afterwards."""
    now = places(networks, container_id)
    ways = connect.ways_out(now, {name: wants.gw_priority for name, wants in request.endpoints.items()})
    moved = Moved(*publish.move_ports(tx, container_id, request.exposed, publish.targets(now, ways)))
    if moved.before == moved.after:
        return moved
    return replace(moved, count=machine.distrust(networks))  # whoever comes after a kill makes the table anew


def lead_there(networks: Networks, endpoint: Endpoint, moved: Moved, questions: Questions) -> None:
    """Lead ports on the machine to where lead_ports said, and have names answered as they are now.

    endpoint and questions are of the place that was made. Raises FirewallFailed, FirewallMissing, AttendantFailed and
    OSError.
    """
    fresh = {attend.questions_key(endpoint.container_id): questions.sockets} if questions.sockets else {}
    with locks.locked(networks.settings.locks, LOCK):
        if questions.sockets:
            with sandbox.opened(namespace_path(networks.settings, endpoint.container_id)) as namespace:
                # Whoever told the attendant of this place before us has opened other sockets, and led questions there.
                if questions.count is None or _count(namespace) != questions.count:
                    sandbox.within(namespace, lambda: resolver.lead_to(questions.sockets))
        with attend.telling(networks, fresh):
            _lead(networks, moved)


def _lead(networks: Networks, moved: Moved) -> None:
    gone = [port for port in moved.before if port not in moved.after]
    new = [port for port in moved.after if port not in moved.before]
    if not gone and not new:
        return
    machine.lead(networks, gone, new, moved.count)
    udp = [port.host_port for port in (*gone, *new) if port.protocol == "udp"]
    if udp:
        from engine.network.conntrack import forget_udp

        forget_udp(host_ports=udp)


def take_out(networks: Networks, tx: Transaction, endpoint: Endpoint) -> None:
    """Give back what a place in a network was, in the database.

    The container goes on asking the attendant: its resolv.conf stays as it is.
    """
    tx.execute("DELETE FROM leases WHERE endpoint_id = ?", (endpoint.id,))
    tx.execute("DELETE FROM endpoints WHERE id = ?", (endpoint.id,))
    if endpoint.asking:
        for _, other in places(networks, endpoint.container_id):
            if not other.asking:
                _keep_asking(tx, other, endpoint.servers, ndots=endpoint.ndots)


def keep_asking(tx: Transaction, endpoint: Endpoint, request: NetworkRequest) -> Endpoint:
    """Have a container ask the attendant because of a place without names, as its resolv.conf says."""
    return _keep_asking(tx, endpoint, request.dns, ndots=connect.chooses_ndots(request))


def _keep_asking(tx: Transaction, endpoint: Endpoint, servers: list[str], *, ndots: bool) -> Endpoint:
    asks = replace(endpoint, asks=True, servers=servers, ndots=ndots)
    tx.execute("UPDATE endpoints SET definition = ? WHERE id = ?", (encode(asks), endpoint.id))
    return asks


def undo(networks: Networks, endpoint: Endpoint, priorities: Mapping[str, int], moved: Moved = NOTHING) -> None:
    """Take a place away on the machine, after take_out and lead_ports; the next network gets the default route.

    Raises NetlinkFailed, FirewallFailed, FirewallMissing, AttendantFailed and OSError.
    """
    with locks.locked(networks.settings.locks, LOCK):
        with attend.telling(networks):
            _lead(networks, moved)
            # A pair that was never made has left no interface inside: one of its name is the container's own.
            made = not endpoint.outer or nl.index_of(endpoint.outer) is not None
            _lead_out(networks, endpoint.container_id, priorities, gone=endpoint if made else None)
        if endpoint.outer:
            let_go(endpoint.outer)


def lead_out(networks: Networks, container_id: str) -> None:
    """Give a container the default routes that it should have, after somebody took an interface of its away."""
    from engine.containers import rows  # the priorities are part of what was asked of the container

    asked = rows.get(networks.database, container_id).definition.endpoints
    with locks.locked(networks.settings.locks, LOCK):
        _lead_out(networks, container_id, {name: wants.gw_priority for name, wants in asked.items()})


def _lead_out(
    networks: Networks, container_id: str, priorities: Mapping[str, int], *, gone: Endpoint | None = None
) -> None:
    """Make the default routes anew; the interface of a place that is gone is switched off or removed before.

    One whose other end is outside is removed there; it would be waited for.
    """
    path = namespace_path(networks.settings, container_id)
    now = places(networks, container_id)
    ways = connect.ways_out(now, priorities)

    def inside() -> None:
        with nl.Netlink() as link:
            index = nl.index_of(gone.interface) if gone is not None and gone.interface else None
            if index is not None:
                link.run(nl.set_down(index) if gone is not None and gone.outer else nl.delete_index(index))
            requests = [nl.delete_default_route(), nl.delete_default_route(ipv6=True)] if now else []
            for _, end in now:
                index = nl.index_of(end.interface) if end.id in ways.ids else None
                if index is not None:
                    requests += default_routes(end, index, ways)
            if requests:
                link.run(*requests)

    with suppress(FileNotFoundError):  # it has ended
        sandbox.inside(path, inside)
