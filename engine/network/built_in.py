"""The networks that every engine has: bridge, host and none, and the default bridge's place among the machine's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine import locks
from engine.lean_dataclasses import replace
from engine.network import ipam
from engine.network.record import BRIDGE, HOST, MTU_OPTION, NONE, Network, NetworkDefinition, Subnet
from engine.state.codec import decode, encode

if TYPE_CHECKING:
    from engine.state.database import Transaction

NULL_DRIVER = "null"
MACHINE_LOCKS = Path("/run/lock")
MTU = 1500


def definitions(bridge: str) -> dict[str, NetworkDefinition]:
    """Return the networks by name; bridge is the name of the engine's own interface. Raises NoFreeSubnet."""
    options = {
        "com.docker.network.bridge.default_bridge": "true",
        "com.docker.network.bridge.enable_icc": "true",
        "com.docker.network.bridge.enable_ip_masquerade": "true",
        "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
        "com.docker.network.bridge.name": bridge,
        MTU_OPTION: str(MTU),
    }
    return {
        NONE: NetworkDefinition(driver=NULL_DRIVER),
        HOST: NetworkDefinition(driver=HOST),
        BRIDGE: NetworkDefinition(driver=BRIDGE, bridge=bridge, subnets=[free(routed())], options=options),
    }


def refit(tx: Transaction, network: Network) -> Network:
    """Give the default network another subnet if the machine uses its own elsewhere by now, and return it.

    That can only be done while its bridge is not there and it has no containers: after it was recorded, and after a
    boot. Called while choosing. Raises NoFreeSubnet.
    """
    definition = network.definition
    routes = routed() + taken_by_others(tx, network.id)
    if not ipam.overlaps(definition.subnets[0].subnet, routes):
        return network
    if tx.execute("SELECT 1 FROM leases WHERE network_id = ?", (network.id,)).fetchone() is not None:
        return network
    definition = replace(definition, subnets=[free(routes)])
    tx.execute("UPDATE networks SET definition = ? WHERE id = ?", (encode(definition), network.id))
    return replace(network, definition=definition)


def free(taken: list[str], pools: Iterable[tuple[str, int]] = ipam.POOLS) -> Subnet:
    """Return the first subnet of the pools that is not taken. Raises NoFreeSubnet."""
    subnet = ipam.free_subnet(taken, pools)
    return Subnet(subnet, ipam.gateway(subnet))


def free6(pool: str, taken: list[str]) -> Subnet:
    """Return the first subnet of a pool of IPv6 addresses that is not taken. Raises NoFreeSubnet."""
    subnet = ipam.free_subnet6(pool, taken)
    return Subnet(subnet, ipam.gateway(subnet))


@contextmanager
def choosing() -> Iterator[None]:
    """Be the only one on this machine, of all engines, who chooses addresses while the block runs.

    What is chosen has to be a route of the machine's at its end, for the next one to see. Outermost of all locks.
    """
    with locks.locked(MACHINE_LOCKS, "skiff-subnets"):
        yield


def taken_by_others(tx: Transaction, network_id: str = "") -> list[str]:
    """Return the subnets of the engine's networks, but for one of them."""
    rows = tx.execute("SELECT definition FROM networks WHERE id != ?", (network_id,))
    found = [decode(NetworkDefinition, row["definition"]) for row in rows]
    return [each.subnet for definition in found if not definition.config_only for each in definition.subnets]


def routed() -> list[str]:
    """Return the subnets that the machine has routes to."""
    with open("/proc/net/route", encoding="ascii") as file:
        return ipam.routed_subnets(file.read())


def routed6() -> list[str]:
    """Return the IPv6 subnets that the machine has routes to."""
    try:
        with open("/proc/net/ipv6_route", encoding="ascii") as file:
            return ipam.routed_subnets6(file.read())
    except FileNotFoundError:  # a kernel without IPv6
        return []
