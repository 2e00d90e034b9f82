"""Making a network: its row, then its bridge and its part of the firewall.

Rows are made under the network lock, in a transaction that has read all others, so no two networks ever share
addresses; and where the engine chooses them, under a lock of the whole machine, until the bridge and its route are
there for other engines to see. A network whose bridge is missing, because its maker was killed, is like any other
after a boot: its first container makes the bridge.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from engine import locks
from engine.errors import Conflict, EngineError, Forbidden, InvalidParameter, NotFound
from engine.lean_dataclasses import dataclass, field, replace
from engine.network import bridge_options, built_in, ipam, ipam_settings, parented
from engine.network.addresses import is_multicast
from engine.network.ipam_settings import PoolRequest
from engine.network.record import (
    BRIDGE,
    BUILT_IN,
    DEFAULT,
    HOST,
    LOCK,
    OPTION,
    PARENTED,
    TRUE,
    Network,
    NetworkDefinition,
    Subnet,
)
from engine.state.codec import decode, encode

if TYPE_CHECKING:
    from engine.network import Networks
    from engine.state.database import Transaction

ENABLE = "com.docker.network.enable_ipv"
EITHER = (*TRUE, *bridge_options.FALSE)
NULL_IPAM = "null"  # for networks whose addresses something else gives
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
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
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


class InvalidFamilyOption(InvalidParameter):
    """An option that switches IPv4 or IPv6 on or off, with a value that is no truth; in dockerd's words."""

    def __init__(self, option: str) -> None:
        super().__init__(f'driver-opt "{option}" is not a valid bool')
        self.option = option


class NoProtocol(InvalidParameter):
    """A network with neither IPv4 nor IPv6; in dockerd's words."""

    def __init__(self) -> None:
        super().__init__("IPv4 or IPv6 must be enabled")


class ImpossiblePool(InvalidParameter):
    """Addresses that no network can have; in dockerd's words."""


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
    if request.name in (*BUILT_IN, DEFAULT):
        raise NetworkForbidden(f"operation is not permitted on predefined {request.name} network ")
    if request.driver == "overlay":
        raise NetworkForbidden(NOT_A_MANAGER)
    request = _families(request)
    _check(networks, request)
    networks.ensure_built_in()
    from engine.network import machine

    with built_in.choosing(), locks.locked(networks.settings.locks, LOCK):
        with networks.database.transaction() as tx:
            made = _claim(tx, request, networks.local_pool6)
            tx.event("network", "create", made.id, {"name": made.name, "type": made.driver})
        try:
            machine.take_in(networks, made)
        except BaseException:
            with networks.database.transaction() as tx:
                tx.execute("DELETE FROM networks WHERE id = ?", (made.id,))
                tx.event("network", "destroy", made.id, {"name": made.name, "type": made.driver})
            machine.put_out(networks, made)
            raise
    return made


def _families(request: NewNetwork) -> NewNetwork:
    """Make definite whether a network has IPv4 and IPv6: as the request says, else its options. IPv4 is the default."""
    found = []
    for asked, option, default in (
        (request.enable_ipv4, f"{ENABLE}4", True),
        (request.enable_ipv6, f"{ENABLE}6", False),
    ):
        text = request.options.get(option)
        if asked is None and text is not None:
            if text not in EITHER:
                raise InvalidFamilyOption(option)
            asked = text in TRUE
        found.append(default if asked is None else asked)
    return replace(request, enable_ipv4=found[0], enable_ipv6=found[1])


def _check(networks: Networks, request: NewNetwork) -> None:
    """Refuse what no network can be."""
    ipam_settings.check(request.pools)
    if not request.name.strip():
        raise InvalidNetworkName
    if networks.database.row("SELECT 1 FROM networks WHERE name = ?", (request.name,)) is not None:
        raise NetworkExists(request.name)
    if request.config_only:
        _check_config_only(request)
        return
    if request.config_from:
        _check_dependent(request)
    if request.driver not in (BRIDGE, HOST, built_in.NULL_DRIVER, *PARENTED):
        raise NoSuchNetworkDriver(request.driver)
    if request.ingress:
        raise NetworkForbidden("Ingress network can only be global scope network")
    if request.config_from:
        return  # the rest is looked at with the settings that it takes
    _check_kind(request)


def _check_config_only(request: NewNetwork) -> None:
    if request.ingress or request.internal or request.attachable or request.scope:
        raise NetworkForbidden(
            "configuration network can only contain network specific fields. Network operator fields like "
            "[ ingress | internal | attachable | scope ] are not supported."
        )
    if request.config_from:
        raise NetworkForbidden("a configuration network cannot depend on another configuration network")


def _check_dependent(request: NewNetwork) -> None:
    """Refuse settings where all come from another network."""
    depends = "if the network depends on a configuration network"
    of_its_own = (request.pools, request.ipam_options, request.labels, request.enable_ipv6, not request.enable_ipv4)
    if any(of_its_own) or request.ipam_driver not in ("", "default"):
        raise NetworkForbidden(f"user specified configurations are not supported {depends}")
    if request.options:
        raise NetworkForbidden(f"network driver options are not supported {depends}")


def _check_kind(request: NewNetwork) -> None:
    """Refuse what a network of its driver cannot be."""
    if request.scope == "swarm":
        raise NetworkForbidden("cannot create a swarm scoped network when swarm is not active")
    if request.driver in (HOST, built_in.NULL_DRIVER):
        raise NetworkForbidden(f'only one instance of "{request.driver}" network is allowed')
    if not (request.enable_ipv4 or request.enable_ipv6):
        raise NoProtocol
    if request.ipam_driver == NULL_IPAM:
        if request.pools:
            raise ImpossiblePool("null ipam driver does not handle specific address pool requests")
        raise ImpossiblePool(f"ipv{4 if request.enable_ipv4 else 6} pool is empty")
    if request.ipam_driver not in ("", "default"):
        raise NoSuchNetworkDriver(request.ipam_driver)
    if request.driver == BRIDGE:
        bridge_options.check(request.options, internal=request.internal)
    else:
        parented.check(request.driver, request.options)


def _claim(tx: Transaction, request: NewNetwork, pool6: str) -> Network:
    """Write the row of a network, with addresses that no other one has."""
    if tx.execute("SELECT 1 FROM networks WHERE name = ?", (request.name,)).fetchone() is not None:
        raise NetworkExists(request.name)
    if request.config_from:
        request = _configured(tx, request)
        _check_kind(request)
    made = Network(os.urandom(32).hex(), request.name, time.time_ns(), NetworkDefinition())
    made = replace(made, definition=_define(tx, request, made.id, pool6))
    tx.execute("INSERT INTO networks VALUES (?, ?, ?, ?)", (made.id, made.name, made.created, encode(made.definition)))
    return made


def _configured(tx: Transaction, request: NewNetwork) -> NewNetwork:
    """Return a request with the settings of the network that it is to be like. Raises NoSuchConfigNetwork."""
    row = tx.execute(
        "SELECT * FROM networks WHERE name = ?1 OR id = ?1 ORDER BY id = ?1 DESC", (request.config_from,)
    ).fetchone()
    found = None if row is None else decode(NetworkDefinition, row["definition"])
    if found is None or not found.config_only:
        raise NoSuchConfigNetwork(request.config_from)
    return replace(
        request,
        config_from=row["name"],
        options=found.options,
        labels=found.labels,
        ipam_options=found.ipam_options,
        enable_ipv4=found.enable_ipv4,
        enable_ipv6=found.enable_ipv6,
        pools=[
            PoolRequest(each.subnet, each.ip_range, each.gateway if each.shown_gateway else "", each.auxiliary)
            for each in found.subnets
        ],
    )


def _define(tx: Transaction, request: NewNetwork, network_id: str, pool6: str) -> NetworkDefinition:
    bridge, parent, own = "", "", True
    if request.config_only:
        # Nothing is allocated: others may ask for these addresses.
        subnets = [
            Subnet(each.subnet, each.gateway, each.ip_range, each.auxiliary, shown_gateway=bool(each.gateway))
            for each in request.pools
        ]
    else:
        subnets = _subnets(tx, request, pool6)
        if request.driver == BRIDGE:
            bridge = request.options.get(f"{OPTION}name") or f"br-{network_id[:12]}"
            own = _is_ours(tx, network_id, bridge)
        else:
            parent, own = parented.parent_for(request.options, network_id, internal=request.internal)
    return NetworkDefinition(
        driver=built_in.NULL_DRIVER if request.config_only else request.driver,
        bridge=bridge,
        subnets=subnets,
        options=request.options,
        labels=request.labels,
        internal=request.internal,
        attachable=request.attachable,
        enable_ipv4=bool(request.enable_ipv4),
        enable_ipv6=bool(request.enable_ipv6),
        ipam_options=request.ipam_options,
        own_bridge=own,
        scope=request.scope or "local",
        config_only=request.config_only,
        config_from=request.config_from,
        parent=parent,
        own_parent=bool(parent) and own,
    )


def _subnets(tx: Transaction, request: NewNetwork, pool6: str) -> list[Subnet]:
    """Return the addresses of a network: those asked for, then those that the engine chooses."""
    taken = built_in.taken_by_others(tx)
    found = ipam_settings.chosen(request.pools, taken) if request.pools else []
    if request.driver == BRIDGE:
        for each in found:
            if is_multicast(each.gateway):
                raise ImpossiblePool(f"multicast subnet '{each.gateway}/{each.prefix_length}' is not allowed")
    if request.enable_ipv4 and all(each.is_ipv6 for each in found):
        pools = ipam.global_pools() if request.scope == "global" else ipam.POOLS
        found.append(built_in.free(taken + built_in.routed(), pools))
    if request.enable_ipv6 and not any(each.is_ipv6 for each in found):
        found.append(built_in.free6(pool6, taken + built_in.routed6()))
    hidden = {
        ipv6: request.options.get(f"{OPTION}gateway_mode_ipv{6 if ipv6 else 4}") == "isolated" for ipv6 in (False, True)
    }
    return [replace(each, shown_gateway=False) if hidden[each.is_ipv6] else each for each in found]


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
