"""Putting a container into its networks: claim, then make. engine.network.take_down is the way back.

On the machine a container with a network of its own has a namespace (engine.network.wire); its ports are elements of
the firewall's maps, and sockets bound to them are handed to its monitor, so that nobody else takes them while it
lives. The kernel removes the interfaces when the namespace goes, and the sockets when the monitor ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine import locks
from engine.containers.config import EndpointRequest
from engine.containers.record import ConnectedEndpoint, NetworkState
from engine.errors import InvalidParameter, NoSuchNetwork
from engine.network import built_in, endpoint_settings, ipam
from engine.network.record import BRIDGE, HOST, LOCK, NONE, Endpoint, Network, NetworkRequest
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


class NetworksExclude(InvalidParameter):
    """Networks that a container cannot be in at once; cause is in dockerd's words."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"failed to set up container networking: {cause}")
        self.cause = cause


@dataclass(slots=True)
class Plan:
    """What a container was given in the database, before anything is made; held are sockets bound to its ports."""

    container_id: str
    request: NetworkRequest
    endpoints: list[tuple[Network, Endpoint]] = field(default_factory=list)
    ports: list[PublishedPort] = field(default_factory=list)  # those that the firewall leads on
    bindings: Bindings = field(default_factory=dict)
    way_out: str = ""  # the id of the endpoint that the default route leads to
    held: list[int] = field(default_factory=list)


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

    The rows go with the transaction when it fails, the sockets are closed. Raises NetworkGone, NetworksExclude,
    NoFreeAddress, AddressTaken, InvalidEndpoint, InvalidMacAddress, InvalidHostPort and
    PortFailure.
    """
    made = Plan(container_id, request)
    if request.donor is not None:
        return made
    try:
        for number, (network, wants) in enumerate(_joined(networks, request)):
            if network.driver == BRIDGE:
                network = built_in.refit(tx, network)
            try:
                made.endpoints.append((network, claim(tx, network, container_id, request, wants, number)))
            except ipam.AddressTaken as error:
                raise AddressTakenAtStart(error.address) from error
        out = way_out(made.endpoints, {name: wants.gw_priority for name, wants in request.endpoints.items()})
        if out is not None:
            made.way_out = out[1].id
            _claim_ports(tx, made, *out)
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
            isolated=not network.connects,
        )
    tx.execute(
        "INSERT INTO endpoints (id, network_id, container_id, definition) VALUES (?, ?, ?, ?)",
        (endpoint.id, network.id, container_id, encode(endpoint)),
    )
    return endpoint


def way_out(
    endpoints: Sequence[tuple[Network, Endpoint]], priorities: Mapping[str, int]
) -> tuple[Network, Endpoint] | None:
    """Return the endpoint that has the default route: of those with a gateway the one of the highest priority.

    Among equals the network's name decides.
    """
    having = [each for each in endpoints if each[1].gateway]
    return min(having, key=lambda each: (-priorities.get(each[0].name, 0), each[0].name), default=None)


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
    for name in sorted(request.endpoints or [mode], key=lambda each: (each != mode, each)):
        try:
            network = networks.resolve(name)
        except NoSuchNetwork as error:
            raise NetworkGone(name) from error
        wants = request.endpoints.get(name, EndpointRequest())
        endpoint_settings.check(network, wants)
        found.setdefault(network.id, (network, wants))
    drivers = [network.driver for network, _ in found.values()]
    if HOST in drivers and mode != HOST:
        raise NetworksExclude(
            "cannot connect container to host network - container must be created in host network mode"
        )
    if mode == HOST and drivers != [HOST]:
        raise NetworksExclude(
            "container sharing network namespace with another container or host cannot be connected to any other "
            "network"
        )
    if len(found) > 1 and NONE in (network.name for network, _ in found.values()):
        raise NetworksExclude(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )
    return list(found.values())


def _endpoint(tx: Transaction, network: Network, container_id: str, wants: EndpointRequest, number: int) -> Endpoint:
    endpoint_id = os.urandom(32).hex()
    if network.driver != BRIDGE:
        mac = endpoint_settings.mac_bytes(network.name, wants.mac_address) if wants.mac_address else b""
        return Endpoint(
            endpoint_id, network.id, container_id, mac_address=mac.hex(":") if network.driver == HOST else ""
        )
    subnet = network.definition.subnets[0]
    taken = {row["address"] for row in tx.execute("SELECT address FROM leases WHERE network_id = ?", (network.id,))}
    taken |= {subnet.gateway, *subnet.auxiliary.values()}
    if wants.ipv4_address:
        if wants.ipv4_address in taken | {*ipam.ends(subnet.subnet)}:
            raise ipam.AddressTaken(wants.ipv4_address)
        address: str | None = wants.ipv4_address
    else:
        address = ipam.free_address(subnet.subnet, taken, subnet.ip_range)
    if address is None:
        raise ipam.NoFreeAddress(network.name, network.id)
    tx.execute("INSERT INTO leases VALUES (?, ?, ?)", (network.id, address, endpoint_id))
    prefix = network.definition.options.get(INTERFACE_PREFIX) or "eth"
    interface = endpoint_settings.interface_name(wants) or f"{prefix}{number}"
    if wants.mac_address:
        mac = endpoint_settings.mac_bytes(network.name, wants.mac_address)
    else:
        mac = ipam.mac_address(address)
    return Endpoint(
        id=endpoint_id,
        network_id=network.id,
        container_id=container_id,
        ip_address=address,
        prefix_length=subnet.prefix_length,
        gateway="" if network.definition.internal else subnet.gateway,
        mac_address=mac.hex(":"),
        interface=interface,
        outer=outer_name(container_id, number),
        link_local=wants.link_local_ips or [],
        sysctls=dict(endpoint_settings.sysctls(wants, interface)),
    )


def _claim_ports(tx: Transaction, made: Plan, network: Network, endpoint: Endpoint) -> None:
    from engine.network.port_errors import PortFailure
    from engine.network.ports import reserve, shown_key, wanted_ports

    request = made.request

    def taken(protocol: str, host_ip: str, port: int) -> str | None:
        rows = tx.execute("SELECT host_ip FROM ports WHERE protocol = ? AND host_port = ?", (protocol, port))
        return next((row["host_ip"] for row in rows if _overlap(row["host_ip"], host_ip)), None)

    for exposed in request.exposed:
        made.bindings[shown_key(exposed)] = None
    for wanted in wanted_ports(request.exposed, request.ports, request.publish_all):
        if network.host_ip:
            wanted = replace(wanted, host_ips=tuple(each or network.host_ip for each in wanted.host_ips))
        try:
            reserved = reserve(wanted, taken, container_ip=endpoint.ip_address)
        except PortFailure as error:
            raise error.at(request.name, endpoint.id) from error
        made.held += reserved.fds
        key = f"{wanted.container_port}/{wanted.protocol}"
        bound = made.bindings[key] = made.bindings.get(key) or []
        for host_ip, port in reserved.bindings:
            bound.append((host_ip, str(port)))
            if ":" not in host_ip:
                made.ports.append(
                    PublishedPort(wanted.protocol, host_ip, port, endpoint.ip_address, wanted.container_port)
                )
            tx.execute(
                "INSERT INTO ports (protocol, host_ip, host_port, container_id, container_ip, container_port) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (wanted.protocol, host_ip, port, made.container_id, endpoint.ip_address, wanted.container_port),
            )


def _overlap(one: str, other: str) -> bool:
    """Tell whether two host addresses cannot both have a port: the same, or one of them every one of its family."""
    if (":" in one) != (":" in other):
        return False
    return one == other or one in ("0.0.0.0", "::", "") or other in ("0.0.0.0", "::", "")


def _apply(networks: Networks, made: Plan) -> ContainerNetwork:
    settings = networks.settings
    if made.request.donor is not None:
        return ContainerNetwork(made, made.request.donor.namespace, NetworkState(), settings)
    path: Path | None = None
    if made.endpoints[0][0].driver != HOST:
        path = namespace_path(settings, made.container_id)
        _make(networks, made, path)
    sandbox_id = made.container_id[:12] + os.urandom(SANDBOX_ID_BYTES).hex()[12:]  # its key is found by its container
    state = NetworkState(
        sandbox_id=sandbox_id,
        sandbox_key=str(path or settings.network_namespaces / HOST_SANDBOX),
        endpoints={network.name: connected(endpoint) for network, endpoint in made.endpoints},
        ports=made.bindings,
    )
    default = networks.resolve(BRIDGE)
    namespace = None if path is None else str(path)
    return ContainerNetwork(made, namespace, state, settings, default.definition.subnets[0].gateway)


def _make(networks: Networks, made: Plan, path: Path) -> None:
    from engine.network.wire import wire

    bridged = [(network, endpoint) for network, endpoint in made.endpoints if network.driver == BRIDGE]
    if not bridged:
        wire(path, [])
        return
    from engine.network import machine

    with locks.locked(networks.settings.locks, LOCK):
        bridges = [machine.ensure_bridge(networks, network) for network, _ in bridged]
    named = next(((network, end) for network, end in bridged if end.names), None)
    wire(
        path,
        [(index, network.mtu, end) for index, (network, end) in zip(bridges, bridged, strict=True)],
        way_out=made.way_out,
        resolver=None if named is None else (named[0].definition.subnets[0].gateway, named[1].interface),
    )
    # After the namespace: see engine.network.machine.
    with locks.locked(networks.settings.locks, LOCK):
        machine.publish(networks, made.ports)
        if named is not None:
            from engine.network import dns

            dns.update(networks, wait_for=named[0].id)
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
        mac_address=endpoint.mac_address,
        dns_names=endpoint.names or None,
    )
