"""Removing networks: one, or all that no container is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import locks
from engine.errors import Forbidden, InvalidFilter, NoSuchNetwork
from engine.filters import is_meant
from engine.network.record import LOCK, Network

if TYPE_CHECKING:
    from engine.network import Networks
    from engine.state.database import Transaction

PRUNE_FILTERS = frozenset(("label", "label!", "until"))


class PredefinedNetwork(Forbidden):
    """One of the networks that always exist is to be removed; in dockerd's words."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is a pre-defined network and cannot be removed")
        self.name = name


class NetworkInUse(Forbidden):
    """Containers are in the network; endpoints are (container name, endpoint id). In dockerd's words."""

    def __init__(self, name: str, endpoints: list[tuple[str, str]]) -> None:
        listed = ", ".join(f'name:"{each}" id:"{endpoint[:12]}"' for each, endpoint in endpoints)
        super().__init__(f"error while removing network: network {name} has active endpoints ({listed})")
        self.name = name
        self.endpoints = endpoints


class ConfigurationInUse(Forbidden):
    """Other networks were made like this one; in dockerd's words."""

    def __init__(self, name: str) -> None:
        super().__init__(f'error while removing network: configuration network "{name}" is in use')
        self.name = name


def remove(networks: Networks, name: str) -> None:
    """Remove a network that no container is in.

    Raises NoSuchNetwork, AmbiguousNetwork, PredefinedNetwork, NetworkInUse, NetlinkFailed, FirewallFailed and
    FirewallMissing.
    """
    network = networks.resolve(name)
    if not network.user_defined:
        raise PredefinedNetwork(network.name)
    from engine.network import machine

    with locks.locked(networks.settings.locks, LOCK):
        with networks.database.transaction() as tx:
            endpoints = networks.endpoints(network.id)
            if endpoints:
                raise NetworkInUse(network.name, [(each, endpoint.id) for each, endpoint in endpoints])
            if network.definition.config_only and _is_taken(tx, network):
                raise ConfigurationInUse(network.name)
            if not tx.execute("DELETE FROM networks WHERE id = ?", (network.id,)).rowcount:
                raise NoSuchNetwork(name)
            tx.event("network", "destroy", network.id, {"name": network.name, "type": network.driver})
        machine.put_out(networks, network)


def prune(networks: Networks, filters: dict[str, list[str]]) -> list[str]:
    """Remove the networks that no container is in and that every filter names; returns their names.

    Raises InvalidFilter, BadTime and what remove raises.
    """
    for name in filters:
        if name not in PRUNE_FILTERS:
            raise InvalidFilter(name)
    before = _until(filters.get("until"))
    removed = []
    for network in networks.list():
        if not network.user_defined or network.definition.config_only or not _is_meant(network, filters, before):
            continue
        try:
            remove(networks, network.id)
        except (NetworkInUse, NoSuchNetwork):
            continue
        removed.append(network.name)
    with networks.database.transaction() as tx:
        tx.event("network", "prune", "", {"reclaimed": "0"})
    return removed


def _is_taken(tx: Transaction, network: Network) -> bool:
    rows = tx.execute("SELECT definition ->> 'config_from' AS taken FROM networks")
    return any(row["taken"] == network.name for row in rows)


def _is_meant(network: Network, filters: dict[str, list[str]], before: int | None) -> bool:
    return (before is None or network.created <= before) and is_meant(network.definition.labels, filters)


def _until(values: list[str] | None) -> int | None:
    if not values:
        return None
    from engine.filters import until

    if len(values) > 1:
        raise InvalidFilter("until", f"[{' '.join(values)}]")
    return until(values[0])
