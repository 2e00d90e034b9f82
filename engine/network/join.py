"""Putting a container that runs into one more network, and taking it out of one.

Called by engine.containers.networks under the container's lock. Both can be repeated: what a killed process left of a
place in a network is taken away before a new one is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from engine import locks
from engine.network import connect, dns, machine, sandbox
from engine.network import netlink as nl
from engine.network.record import BRIDGE, LOCK, Endpoint, Network, NetworkRequest
from engine.network.sandbox import namespace_path
from engine.network.wire import add_ends, outer_name
from engine.state.codec import decode

if TYPE_CHECKING:
    from engine.containers.config import EndpointRequest
    from engine.network import Networks
    from engine.state.database import Transaction

Places = list[tuple[Network, Endpoint]]


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
    used = {endpoint.outer for _, endpoint in places(networks, container_id)}
    number = next(each for each in range(len(used) + 1) if outer_name(container_id, each) not in used)
    return connect.claim(tx, network, container_id, request, wants, number)


def apply(networks: Networks, network: Network, endpoint: Endpoint, priorities: Mapping[str, int]) -> None:
    """Make a place that was claimed. Raises as engine.network.connect.apply."""
    if network.driver != BRIDGE:
        return
    path = namespace_path(networks.settings, endpoint.container_id)
    now = places(networks, endpoint.container_id)
    out = connect.way_out(now, priorities)
    leads = out is not None and out[1].id == endpoint.id
    with locks.locked(networks.settings.locks, LOCK):
        index = machine.ensure_bridge(networks, network)
        machine.publish(networks, [])
        add_ends(
            path,
            [(index, network.mtu, endpoint)],
            [nl.delete_default_route()] if leads else [],
            way_out=endpoint.id if leads else "",
            resolver=_resolver(now),
        )
        dns.update(networks, wait_for=network.id if endpoint.names else "")


def take_out(networks: Networks, tx: Transaction, endpoint: Endpoint) -> None:
    """Give back what a place in a network was, in the database."""
    tx.execute("DELETE FROM leases WHERE endpoint_id = ?", (endpoint.id,))
    tx.execute("DELETE FROM endpoints WHERE id = ?", (endpoint.id,))


def undo(networks: Networks, endpoint: Endpoint, priorities: Mapping[str, int]) -> None:
    """Take a place away on the machine, after take_out; the next network gets the default route.

    Raises NetlinkFailed, FirewallFailed, FirewallMissing, ResolverMissing and OSError.
    """
    from engine.network import resolver

    path = namespace_path(networks.settings, endpoint.container_id)
    now = places(networks, endpoint.container_id)
    out = connect.way_out(now, priorities)
    with locks.locked(networks.settings.locks, LOCK):
        if endpoint.outer:
            with nl.Netlink() as host:
                host.run(nl.delete_link(endpoint.outer))
        leading = _resolver(now)

        def inside() -> None:
            if out is not None:
                index = nl.index_of(out[1].interface)
                if index is not None:
                    with nl.Netlink() as link:
                        link.run(nl.delete_default_route(), nl.add_default_route(index, out[1].gateway))
            if leading is not None:
                resolver.lead(*leading)
            elif endpoint.names:
                resolver.end()

        with suppress(FileNotFoundError):  # it has ended
            sandbox.inside(path, inside)
        if endpoint.names:
            dns.update(networks)


def _resolver(now: Places) -> tuple[str, str] | None:
    """Return the gateway and the interface that lead to the name server, if any network has one."""
    return next(
        ((network.definition.subnets[0].gateway, endpoint.interface) for network, endpoint in now if endpoint.names),
        None,
    )
