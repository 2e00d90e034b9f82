"""Making a network: its row, then its bridge and its part of the firewall.

Rows are made under the network lock, in a transaction that has read all others, so no two networks ever share
addresses. A network whose bridge is missing, because its maker was killed, is like any other after a boot:
its first container makes the bridge.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine import locks
from engine.errors import Conflict, EngineError, Forbidden, InvalidParameter, NotFound, NotImplementedHere
from engine.network import bridge_options, built_in, ipam_settings
from engine.network.ipam_settings import Ipv6Unsupported, PoolRequest
from engine.network.record import BRIDGE, HOST, LOCK, NONE, OPTION, Network, NetworkDefinition
from engine.state.codec import encode

if TYPE_CHECKING:
    from engine.network import Networks
    from engine.state.database import Transaction

UNSUPPORTED_DRIVERS = ("macvlan", "ipvlan")
NOT_A_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)


@dataclass(frozen=True, slots=True)
class NewNetwork:
    """What network is asked for."""

    name: str
    driver: str = BRIDGE
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    enable_ipv4: bool = True
    enable_ipv6: bool = False
    scope: str = ""
    config_only: bool = False
    config_from: str = ""
    ipam_driver: str = "default"
    ipam_options: dict[str, str] | None = None
    pools: list[PoolRequest] = field(default_factory=list)


class InvalidNetworkName(InvalidParameter):
    """A network without a name; in dockerd's words."""

    def __init__(self) -> None:
        super().__init__("invalid name: name is empty")


class NetworkExists(Conflict):
    """Another network has the name; in dockerd's words."""

    def __init__(self, name: str) -> None:
        super().__init__(f"network with name {name} already exists")
        self.name = name


class NetworkForbidden(Forbidden):
    """A network that nobody can make; in dockerd's words."""


class NoSuchNetworkDriver(NotFound):
    """A driver, of networks or of addresses, that does not exist; in dockerd's words."""

    def __init__(self, name: str) -> None:
        super().__init__(f'plugin "{name}" not found')
        self.name = name


class NoSuchConfigNetwork(NotFound):
    """The network whose settings are to be taken is not there; in dockerd's words."""

    def __init__(self, name: str) -> None:
        super().__init__(f'configuration network "{name}" does not exist')
        self.name = name


class UnsupportedNetwork(NotImplementedHere):
    """A kind of network that dockerd has and this engine has not."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind} networks are not supported")
        self.kind = kind


class NoProtocol(InvalidParameter):
    """A network with neither IPv4 nor IPv6; in dockerd's words."""

    def __init__(self) -> None:
        super().__init__("IPv4 or IPv6 must be enabled")


class NotABridge(EngineError):
    """The interface that is to be the network's bridge is something else; in dockerd's words."""

    def __init__(self, name: str) -> None:
        super().__init__(f"existing interface {name} is not a bridge")
        self.name = name


def create(networks: Networks, request: NewNetwork) -> Network:
    """Make a network.

    Raises the errors of this module, of ipam_settings and of bridge_options, NoFreeSubnet, NetlinkFailed,
    FirewallFailed, FirewallMissing and OSError.
    """
    _check(request)
    networks.ensure_built_in()
    from engine.network import machine

    with locks.locked(networks.settings.locks, LOCK):
        with networks.database.transaction() as tx:
            made = _claim(tx, request)
            tx.event("network", "create", made.id, {"name": made.name, "type": made.driver})
        try:
            machine.take_in(networks, made)
        except BaseException:
            with networks.database.transaction() as tx:
                tx.execute("DELETE FROM networks WHERE id = ?", (made.id,))
                tx.event("network", "destroy", made.id, {"name": made.name, "type": made.driver})
            raise
    return made


def _check(request: NewNetwork) -> None:
    """Refuse what no network can be."""
    if not request.name:
        raise InvalidNetworkName
    if request.name in (BRIDGE, HOST, NONE, "default"):
        raise NetworkForbidden(f"operation is not permitted on predefined {request.name} network ")
    if request.scope == "swarm":
        raise NetworkForbidden("cannot create a swarm scoped network when swarm is not active")
    if request.ingress:
        raise NetworkForbidden("Ingress network can only be global scope network")
    ipam_settings.check(request.pools)
    if request.driver == "overlay":
        raise NetworkForbidden(NOT_A_MANAGER)
    if request.driver in (HOST, built_in.NULL_DRIVER):
        raise NetworkForbidden(f'only one instance of "{request.driver}" network is allowed')
    if request.config_only:
        raise UnsupportedNetwork("config-only")
    if request.config_from:
        raise NoSuchConfigNetwork(request.config_from)
    if request.driver in UNSUPPORTED_DRIVERS:
        raise UnsupportedNetwork(request.driver)
    if request.driver != BRIDGE:
        raise NoSuchNetworkDriver(request.driver)
    if not (request.enable_ipv4 or request.enable_ipv6):
        raise NoProtocol
    if request.enable_ipv6:
        raise Ipv6Unsupported
    if request.ipam_driver not in ("", "default"):
        raise NoSuchNetworkDriver(request.ipam_driver)
    bridge_options.check(request.options)


def _claim(tx: Transaction, request: NewNetwork) -> Network:
    """Write the row of a network, with addresses that no other one has."""
    if tx.execute("SELECT 1 FROM networks WHERE name = ?", (request.name,)).fetchone() is not None:
        raise NetworkExists(request.name)
    network_id = os.urandom(32).hex()
    taken = built_in.taken_by_others(tx)
    if request.pools:
        subnet = ipam_settings.chosen(request.pools, taken)
    else:
        subnet = built_in.free(taken + built_in.routed())
    bridge = request.options.get(f"{OPTION}name") or f"br-{network_id[:12]}"
    made = Network(
        network_id,
        request.name,
        time.time_ns(),
        NetworkDefinition(
            bridge=bridge,
            subnets=[subnet],
            options=request.options,
            labels=request.labels,
            internal=request.internal,
            attachable=request.attachable,
            ipam_options=request.ipam_options,
            configured=bool(request.pools),
            own_bridge=_is_ours(tx, network_id, bridge),
        ),
    )
    tx.execute("INSERT INTO networks VALUES (?, ?, ?, ?)", (made.id, made.name, made.created, encode(made.definition)))
    return made


def _is_ours(tx: Transaction, network_id: str, bridge: str) -> bool:
    """Tell whether an interface is to be made for a network; it may use a bridge that is there and no other has."""
    for row in tx.execute("SELECT id, definition ->> 'bridge' AS bridge FROM networks").fetchall():
        if row["bridge"] == bridge:
            raise NetworkForbidden(
                f"cannot create network {network_id} ({bridge}): conflicts with network {row['id']} ({bridge}): "
                "networks have same bridge name"
            )
    interface = Path("/sys/class/net") / bridge
    if not interface.exists():
        return True
    if not (interface / "bridge").is_dir():
        raise NotABridge(bridge)
    return False
