"""Putting a container into its networks: claim, then make. engine.network.take_down is the way back.

On the machine a container with a network of its own has a namespace (engine.network.wire); its ports are elements of
the firewall's maps, and sockets bound to them are handed to its monitor, so that nobody else takes them while it
lives. The kernel removes the interfaces when the namespace goes, and the sockets when the monitor ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine import locks
from engine.containers.config import EndpointRequest
from engine.containers.record import ConnectedEndpoint, NetworkState
from engine.errors import Forbidden, InvalidParameter, NoSuchNetwork
from engine.lean_dataclasses import dataclass, field, replace
from engine.network import AmbiguousNetwork, endpoint_settings, ipam
from engine.network.addresses import canonical
from engine.network.record import (
    BRIDGE,
    BUILT_IN,
    HOST,
    LOCK,
    NONE,
    PARENTED,
    Endpoint,
    Network,
    NetworkRequest,
    Subnet,
)
from engine.network.ruleset import PublishedPort
from engine.network.sandbox import namespace_path
from engine.network.wire import outer_name
from engine.state.codec import encode

if TYPE_CHECKING:
    from engine.network import Networks
    from engine.network.name_files import NameFiles
    from engine.settings import Settings
    from engine.state.database import Transaction

HOST_SANDBOX = "default"
SANDBOX_ID_BYTES = 32
INTERFACE_PREFIX = "com.docker.network.container_iface_prefix"

Bindings = dict[str, list[tuple[str, str]] | None]


class NetworkGone(NoSuchNetwork):
    """A network that a container that starts is to be in is not there; in dockerd's words."""

    def __str__(self) -> str:
        return f"failed to set up container networking: network {self.name} not found"


class AddressTakenAtStart(ipam.AddressTaken):
    """An address that a container that starts asks for is another's; in dockerd's words."""

    def __str__(self) -> str:
        return "failed to set up container networking: Address already in use"


class NetworkingImpossible(InvalidParameter):
    """What a container that starts was to have of its networks cannot be; cause is in dockerd's words."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"failed to set up container networking: {cause}")
        self.cause = cause


class ConfigurationOnly(Forbidden):
    """A container is to be in a network that is only a configuration; in dockerd's words."""

    def __init__(self) -> None:
        super().__init__("failed to set up container networking: cannot create endpoint on configuration-only network")


@dataclass(frozen=True, slots=True)
class Ways:
    """The ids of the endpoints that have the default routes, for IPv4 and for IPv6; empty for none."""

    ipv4: str = ""
    ipv6: str = ""

    @property
    def ids(self) -> set[str]:
        """The endpoints that have one at least."""
        return {self.ipv4, self.ipv6} - {""}


@dataclass(slots=True)
class Plan:
    """What a container was given in the database, before anything is made; held are sockets bound to its ports."""

    container_id: str
    request: NetworkRequest
    endpoints: list[tuple[Network, Endpoint]] = field(default_factory=list)
    ports: list[PublishedPort] = field(default_factory=list)  # those that the firewall leads on
    bindings: Bindings = field(default_factory=dict)
    ways: Ways = field(default_factory=lambda: Ways())
    held: list[int] = field(default_factory=list)
    relayed: dict[str, list[int]] = field(default_factory=dict)  # of those held, by the attendant's keys

    @property
    def on_host(self) -> bool:
        """Whether the container has the machine's own network, even where it was taken out of the network host."""
        drivers = [network.driver for network, _ in self.endpoints]
        return HOST in drivers if drivers else self.request.mode == HOST


@dataclass(frozen=True, slots=True)
class ContainerNetwork:
    """A connected container: namespace is a path, None for the machine's own."""

    plan: Plan
    namespace: str | None
    state: NetworkState
    settings: Settings
    host_gateway: str = ""  # the address under which containers reach this machine

    @property
    def stored(self) -> str:
        """The state as the database keeps it."""
        return encode(self.state)

    @property
    def held(self) -> list[int]:
        """Descriptors of sockets that hold the container's ports."""
        return self.plan.held

    def write_files(self, folder: Path) -> NameFiles:
        """Write /etc/hosts, hostname and resolv.conf for the container and return where they are."""
        from engine.network.container_files import write_for

        return write_for(self, folder)


def plan(networks: Networks, tx: Transaction, container_id: str, request: NetworkRequest) -> Plan:
    """Claim what a container needs, in the transaction of its start.

    The rows go with the transaction when it fails, the sockets are closed. Raises NetworkGone, NetworkingImpossible,
    ConfigurationOnly, NoFreeAddress, AddressTaken, InvalidHostPort and PortFailure.
    """
    made = Plan(container_id, request)
    if request.donor is not None:
        return made
    from engine.network.publish import claim_ports

    try:
        for number, (network, wants) in enumerate(_joined(networks, request)):
            if network.definition.config_only:
                raise ConfigurationOnly
            try:
                made.endpoints.append((network, claim(tx, network, container_id, request, wants, number)))
            except ipam.AddressTaken as error:
                raise AddressTakenAtStart(error.address) from error
        made.ways = ways_out(made.endpoints, {name: wants.gw_priority for name, wants in request.endpoints.items()})
        claim_ports(tx, made)
    except BaseException:
        release(made)
        raise
    return made


def claim(
    tx: Transaction,
    network: Network,
    container_id: str,
    request: NetworkRequest,
    wants: EndpointRequest,
    number: int,
) -> Endpoint:
    """Give a container a place in a network, in the database; number is its interface's.

    Raises NoFreeAddress, AddressTaken.
    """
    endpoint = _endpoint(tx, network, container_id, wants, number)
    if network.user_defined:
        own = [request.name, request.short_id, request.hostname if request.hostname != request.short_id else ""]
        endpoint = replace(
            endpoint,
            names=endpoint_settings.dns_names(network, wants, own),
            servers=request.dns,
            links=wants.links or [],
            ndots=chooses_ndots(request),
            isolated=network.bridged and not network.connects,
        )
    tx.execute(
        "INSERT INTO endpoints (id, network_id, container_id, definition) VALUES (?, ?, ?, ?)",
        (endpoint.id, network.id, container_id, encode(endpoint)),
    )
    return endpoint


def chooses_ndots(request: NetworkRequest) -> bool:
    """Tell whether a container says how many dots make a name a full one."""
    return any(option.partition(":")[0] == "ndots" and option != "ndots:0" for option in request.dns_options)


def ways_out(endpoints: Sequence[tuple[Network, Endpoint]], priorities: Mapping[str, int]) -> Ways:
    """Return the endpoints that have the default routes: of those with a gateway the ones of the highest priority.

    Among equals one with gateways of both kinds comes first, then the network's name decides.
    """

    def first(has_gateway: Callable[[Endpoint], bool]) -> str:
        having = [each for each in endpoints if has_gateway(each[1])]
        found = min(having, key=order, default=None)
        return "" if found is None else found[1].id

    def order(each: tuple[Network, Endpoint]) -> tuple[int, int, str]:
        network, end = each
        return -priorities.get(network.name, 0), -bool(end.gateway) - bool(end.ipv6_gateway), network.name

    return Ways(first(_has_way), first(_has_way6))


def _has_way(end: Endpoint) -> bool:
    return bool(end.gateway or (end.by_interface and end.ip_address))


def _has_way6(end: Endpoint) -> bool:
    return bool(end.ipv6_gateway or (end.by_interface and end.ipv6_address))


def apply(networks: Networks, made: Plan) -> ContainerNetwork:
    """Make the namespace, the interfaces and the rules.

    What a failure leaves is taken down by tear_down, but the sockets are closed. Raises NetlinkFailed,
    FirewallFailed, FirewallMissing, NoSuchSysctl and OSError.
    """
    try:
        return _apply(networks, made)
    except BaseException:
        release(made)
        raise


def release(made: Plan) -> None:
    """Close the sockets that hold a plan's ports; for a start that failed."""
    while made.held:
        os.close(made.held.pop())


def _joined(networks: Networks, request: NetworkRequest) -> list[tuple[Network, EndpointRequest]]:
    """Return the networks to be in, that of the mode first, each once."""
    mode = request.mode or BRIDGE
    found: dict[str, tuple[Network, EndpointRequest]] = {}
    for name in request.networks:
        sought = name if name in BUILT_IN else request.known.get(name, name)
        try:
            network = networks.resolve(sought)
        except NoSuchNetwork as error:
            raise NetworkGone(sought) from error
        except AmbiguousNetwork as error:
            raise NetworkingImpossible(str(error)) from error
        wants = request.endpoints.get(name, EndpointRequest())
        try:
            endpoint_settings.check(network.name, network, wants)
        except (endpoint_settings.InvalidEndpoint, endpoint_settings.InvalidMacAddress) as error:
            raise NetworkingImpossible(error.cause) from error
        found.setdefault(network.id, (network, wants))
    drivers = [network.driver for network, _ in found.values()]
    if not drivers:
        return []
    if HOST in drivers and mode != HOST:
        raise NetworkingImpossible(
            "cannot connect container to host network - container must be created in host network mode"
        )
    if mode == HOST and drivers != [HOST]:
        raise NetworkingImpossible(
            "container sharing network namespace with another container or host cannot be connected to any other "
            "network"
        )
    if len(found) > 1 and NONE in (network.name for network, _ in found.values()):
        raise NetworkingImpossible(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )
    return list(found.values())


def _endpoint(tx: Transaction, network: Network, container_id: str, wants: EndpointRequest, number: int) -> Endpoint:
    endpoint_id = os.urandom(32).hex()
    if not network.wired:
        mac = endpoint_settings.mac_bytes(network.name, wants.mac_address) if wants.mac_address else b""
        return Endpoint(
            endpoint_id,
            network.id,
            container_id,
            mac_address=mac.hex(":") if network.driver == HOST else "",
            leads_out=network.driver == HOST,
        )
    from engine.network.parented import IPVLAN, routes_by_interface

    definition = network.definition
    four, six = definition.ipv4, definition.ipv6
    address = _lease(tx, network, endpoint_id, four, wants.ipv4_address) if four is not None else ""
    address6 = _lease(tx, network, endpoint_id, six, wants.ipv6_address) if six is not None else ""
    interface = interface_name(network, wants, number)
    if wants.mac_address:
        mac = endpoint_settings.mac_bytes(network.name, wants.mac_address)
    else:
        mac = ipam.mac_address(address or address6)
    by_interface = network.driver in PARENTED and routes_by_interface(network)
    leads = not definition.internal
    return Endpoint(
        id=endpoint_id,
        network_id=network.id,
        container_id=container_id,
        ip_address=address,
        prefix_length=four.prefix_length if four is not None else 0,
        gateway=_gateway(network, four, by_interface=by_interface),
        ipv6_address=address6,
        ipv6_prefix_length=six.prefix_length if six is not None else 0,
        ipv6_gateway=_gateway(network, six, by_interface=by_interface),
        mac_address="" if network.driver == IPVLAN else mac.hex(":"),
        interface=interface,
        outer=outer_name(container_id, number) if network.bridged else "",
        link_local=wants.link_local_ips or [],
        sysctls=dict(endpoint_settings.sysctls(wants, interface)),
        leads_out=leads,
        by_interface=by_interface and leads,
    )


def interface_name(network: Network, wants: EndpointRequest, number: int) -> str:
    """Return what an interface inside is called: as somebody chose, else by its number."""
    prefix = network.definition.options.get(INTERFACE_PREFIX) or "eth"
    return endpoint_settings.interface_name(wants) or f"{prefix}{number}"


def _gateway(network: Network, subnet: Subnet | None, *, by_interface: bool) -> str:
    """Return the gateway that a container's default route leads to; empty when there is no way out."""
    if subnet is None or network.definition.internal or by_interface:
        return ""
    return subnet.gateway


def _lease(tx: Transaction, network: Network, endpoint_id: str, subnet: Subnet, asked: str) -> str:
    """Claim an address of a subnet, the one asked for if any. Raises AddressTaken and NoFreeAddress."""
    taken = {row["address"] for row in tx.execute("SELECT address FROM leases WHERE network_id = ?", (network.id,))}
    taken |= {subnet.gateway, *(canonical(each) or "" for each in subnet.auxiliary.values())}
    if asked:
        address: str | None = canonical(asked)
        if address in taken | {*ipam.ends(subnet.subnet)}:
            raise ipam.AddressTaken(asked)
    else:
        address = ipam.free_address(subnet.subnet, taken, subnet.ip_range)
    if address is None:
        raise ipam.NoFreeAddress(network.name, network.id, "IPv6" if subnet.is_ipv6 else "IPv4")
    tx.execute("INSERT INTO leases VALUES (?, ?, ?)", (network.id, address, endpoint_id))
    return address


def _apply(networks: Networks, made: Plan) -> ContainerNetwork:
    settings = networks.settings
    if made.request.donor is not None:
        return ContainerNetwork(made, made.request.donor.namespace, NetworkState(), settings)
    path: Path | None = None
    if not made.on_host:
        path = namespace_path(settings, made.container_id)
        _make(networks, made, path)
    sandbox_id = made.container_id[:12] + os.urandom(SANDBOX_ID_BYTES).hex()[12:]  # its key is found by its container
    state = NetworkState(
        sandbox_id=sandbox_id,
        sandbox_key=str(path or settings.network_namespaces / HOST_SANDBOX),
        endpoints={network.name: connected(endpoint) for network, endpoint in made.endpoints},
        ports=made.bindings,
    )
    default = networks.resolve(BRIDGE).definition.ipv4
    namespace = None if path is None else str(path)
    return ContainerNetwork(made, namespace, state, settings, default.gateway if default is not None else "")


def _make(networks: Networks, made: Plan, path: Path) -> None:
    from engine.network import sandbox
    from engine.network.wire import wire

    wired = [(network, endpoint) for network, endpoint in made.endpoints if network.wired]
    if not wired:
        with sandbox.new() as namespace:
            wire(namespace, [])
            sandbox.bind(namespace, path)
        return
    from engine.network import machine
    from engine.network.parented import ParentImpossible

    with locks.locked(networks.settings.locks, LOCK):
        indexes = [machine.ensure(networks, network) for network, _ in wired]
    named = any(endpoint.names for _, endpoint in wired)
    ends = [(index, network, end) for index, (network, end) in zip(indexes, wired, strict=True)]
    with sandbox.new() as namespace:
        try:
            questions = wire(namespace, ends, ways=made.ways, resolver=named)
        except ParentImpossible as error:
            raise ParentImpossible(f"failed to set up container networking: {error}") from error
        try:
            with locks.locked(networks.settings.locks, LOCK):
                sandbox.bind(namespace, path)  # from now on others tell the firewall and the attendant of it, too
                machine.publish(networks, made.ports)
                if questions or made.relayed:
                    from engine.network import attend

                    own = {attend.questions_key(made.container_id): questions} if questions else {}
                    attend.update(networks, {**own, **made.relayed})
        finally:
            for descriptor in questions:
                os.close(descriptor)
    udp = [port.host_port for port in made.ports if port.protocol == "udp"]
    if udp:
        from engine.network.conntrack import forget_udp

        forget_udp(host_ports=udp)


def connected(endpoint: Endpoint) -> ConnectedEndpoint:
    """Return an endpoint as the container's record has it."""
    return ConnectedEndpoint(
        network_id=endpoint.network_id,
        endpoint_id=endpoint.id,
        ip_address=endpoint.ip_address,
        ip_prefix_len=endpoint.prefix_length,
        gateway=endpoint.gateway,
        ipv6_address=endpoint.ipv6_address,
        ipv6_prefix_len=endpoint.ipv6_prefix_length,
        ipv6_gateway=endpoint.ipv6_gateway,
        mac_address=endpoint.mac_address,
        dns_names=endpoint.names or None,
    )
