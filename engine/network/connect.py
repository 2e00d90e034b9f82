"""Putting a container into its network: claim, make, take down.

On the machine a bridged container has a namespace bound to Settings.network_namespaces/<first 12 of its id>, with
lo and eth0; eth0's other end, veth<first 11>, is on the bridge. Its ports are elements of the firewall's maps, and
sockets bound to them are handed to its monitor, so that nobody else takes them while it lives. The kernel removes
the interfaces when the namespace goes, and the sockets when the monitor ends.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine import locks
from engine.containers.record import ConnectedEndpoint, NetworkState
from engine.network import ipam, nftables, ruleset, sandbox
from engine.network import netlink as nl
from engine.network.name_files import NameFiles
from engine.network.record import BRIDGE, CONTAINER_PREFIX, HOST, Endpoint, Network, NetworkRequest
from engine.network.ruleset import Bridge, PublishedPort
from engine.state.codec import encode

if TYPE_CHECKING:
    import sqlite3

    from engine.network import Networks
    from engine.settings import Settings
    from engine.state.database import Transaction

LOCK = "network"
INSIDE = "eth0"

Bindings = dict[str, list[tuple[str, str]] | None]


@dataclass(slots=True)
class Plan:
    """What a container was given in the database, before anything is made; held are sockets bound to its ports."""

    container_id: str
    request: NetworkRequest
    endpoints: list[tuple[Network, Endpoint]] = field(default_factory=list)
    ports: list[PublishedPort] = field(default_factory=list)
    bindings: Bindings = field(default_factory=dict)
    held: list[int] = field(default_factory=list)
    donor: str = ""  # the container whose network is shared


@dataclass(frozen=True, slots=True)
class ContainerNetwork:
    """A connected container: namespace is a path, "" for a new empty one, None for the machine's own."""

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

    The rows go with the transaction when it fails, the sockets are closed. Raises NoSuchNetwork, NoFreeAddress,
    NoSuchContainer, PortAllocated, PortInUse.
    """
    made = Plan(container_id, request)
    if request.mode.startswith(CONTAINER_PREFIX):
        made.donor = _donor(networks, request.mode.removeprefix(CONTAINER_PREFIX))
        return made
    network = networks.resolve(request.mode or BRIDGE)
    if network.driver == BRIDGE:
        endpoint = _lease(tx, network, container_id)
        try:
            _claim_ports(tx, made, endpoint)
        except BaseException:
            release(made)
            raise
    else:
        endpoint = Endpoint(os.urandom(32).hex(), network.id, container_id)
    tx.execute(
        "INSERT INTO endpoints (id, network_id, container_id, definition) VALUES (?, ?, ?, ?)",
        (endpoint.id, network.id, container_id, encode(endpoint)),
    )
    made.endpoints.append((network, endpoint))
    return made


def apply(networks: Networks, made: Plan) -> ContainerNetwork:
    """Make the namespace, the interfaces and the rules. Raises NetlinkFailed, FirewallFailed and OSError."""
    try:
        return _apply(networks, made)
    except BaseException:
        release(made)
        raise


def release(made: Plan) -> None:
    """Close the sockets that hold a plan's ports; for a start that failed."""
    while made.held:
        os.close(made.held.pop())


def tear_down(networks: Networks, container_id: str) -> None:
    """Take down what apply made; what is not there is passed over."""
    rows = networks.database.rows("SELECT * FROM ports WHERE container_id = ?", (container_id,))
    ports = [_published(row) for row in rows]
    if ports:
        with locks.locked(networks.settings.locks, LOCK):
            for port in ports:
                with suppress(nftables.FirewallFailed):  # it is not there, or the table is gone
                    nftables.run(ruleset.delete_port(networks.table, port))
    sandbox.remove(namespace_path(networks.settings, container_id))


def namespace_path(settings: Settings, container_id: str) -> Path:
    """Return where a bridged container's namespace is bound."""
    return settings.network_namespaces / container_id[:12]


def _donor(networks: Networks, name: str) -> str:
    from engine.containers import rows
    from engine.containers.bundle import JoinOfStopped

    donor = rows.get(networks.database, rows.find_id(networks.database, name))
    if not donor.state.alive:
        raise JoinOfStopped(name, "network")
    return donor.id


def _lease(tx: Transaction, network: Network, container_id: str) -> Endpoint:
    subnet = network.definition.subnets[0]
    taken = {row["address"] for row in tx.execute("SELECT address FROM leases WHERE network_id = ?", (network.id,))}
    address = ipam.free_address(subnet.subnet, taken | {subnet.gateway})
    endpoint = Endpoint(
        id=os.urandom(32).hex(),
        network_id=network.id,
        container_id=container_id,
        ip_address=address,
        prefix_length=ipam.prefix_length(subnet.subnet),
        gateway=subnet.gateway,
        mac_address=ipam.mac_text(ipam.mac_address(address)),
    )
    tx.execute("INSERT INTO leases VALUES (?, ?, ?)", (network.id, address, endpoint.id))
    return endpoint


def _claim_ports(tx: Transaction, made: Plan, endpoint: Endpoint) -> None:
    from engine.network.port_errors import PortFailure
    from engine.network.ports import reserve, shown_key, wanted_ports

    request = made.request

    def taken(protocol: str, host_ip: str, port: int) -> str | None:
        rows = tx.execute("SELECT host_ip FROM ports WHERE protocol = ? AND host_port = ?", (protocol, port))
        return next((row["host_ip"] for row in rows if _overlap(row["host_ip"], host_ip)), None)

    for exposed in request.exposed:
        made.bindings[shown_key(exposed)] = None
    for wanted in wanted_ports(request.exposed, request.ports, request.publish_all):
        try:
            reserved = reserve(wanted, taken, container_ip=endpoint.ip_address)
        except PortFailure as error:
            raise error.at(request.name, endpoint.id) from error
        made.held += reserved.fds
        key = f"{wanted.container_port}/{wanted.protocol}"
        bound = made.bindings[key] = made.bindings.get(key) or []
        for host_ip, port in reserved.bindings:
            bound.append((host_ip, str(port)))
            published = PublishedPort(wanted.protocol, host_ip, port, endpoint.ip_address, wanted.container_port)
            if ":" not in host_ip:
                made.ports.append(published)
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
    if made.donor:
        return ContainerNetwork(made, _namespace_of(networks, made.donor), NetworkState(), settings)
    network, endpoint = made.endpoints[0]
    sandbox_id = os.urandom(32).hex()
    path: Path | None = None
    if network.driver == BRIDGE:
        path = namespace_path(settings, made.container_id)
        with locks.locked(settings.locks, LOCK):
            _ensure_machine(networks, network)
            if made.ports:
                _publish(networks, made.ports)
        _wire(network, endpoint, path)
    state = NetworkState(
        sandbox_id=sandbox_id,
        sandbox_key=str(path) if path else str(settings.network_namespaces / network.name),
        endpoints={network.name: _connected(endpoint)},
        ports=made.bindings,
    )
    namespace = None if network.driver == HOST else str(path) if path else ""
    default = networks.resolve(BRIDGE)
    return ContainerNetwork(made, namespace, state, settings, default.definition.subnets[0].gateway)


def _wire(network: Network, endpoint: Endpoint, path: Path) -> None:
    """Make the namespace and the pair of interfaces that leads out of it."""
    bridge = int((Path("/sys/class/net") / network.definition.bridge / "ifindex").read_text())
    sandbox.make(path)
    outside = f"veth{endpoint.container_id[:11]}"
    namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with nl.Netlink() as host:
            # A name that is there is what a killed start left.
            pair = nl.add_veth(outside, bridge, INSIDE, namespace, ipam.mac_address(endpoint.ip_address))
            try:
                host.run(pair)
            except nl.NetlinkFailed as error:
                if error.code != errno.EEXIST:
                    raise
                host.run(nl.delete_link(outside), pair)
        # Where br_netfilter is loaded, a container that calls its own published port is answered within the bridge.
        Path(f"/sys/class/net/{outside}/brport/hairpin_mode").write_text("1")
    finally:
        os.close(namespace)

    def furnish() -> None:
        import socket

        with suppress(OSError):  # a kernel without IPv6
            Path(f"/proc/sys/net/ipv6/conf/{INSIDE}/disable_ipv6").write_text("1")
        index = socket.if_nametoindex(INSIDE)
        with nl.Netlink() as link:
            link.run(
                nl.set_up(nl.LOOPBACK_INDEX),
                nl.add_address(index, endpoint.ip_address, endpoint.prefix_length),
                nl.set_up(index),
                nl.add_default_route(index, endpoint.gateway),
            )

    sandbox.inside(path, furnish)


def _ensure_machine(networks: Networks, network: Network) -> None:
    """Make the bridge and the firewall's table if they are not there; the lock is held."""
    bridge = network.definition.bridge
    folder = Path("/sys/class/net") / bridge
    if not folder.exists():
        subnet = network.definition.subnets[0]
        with nl.Netlink() as host:
            host.run(nl.add_bridge(bridge))
            index = int((folder / "ifindex").read_text())
            host.run(nl.add_address(index, subnet.gateway, ipam.prefix_length(subnet.subnet)), nl.set_up(index))
        # So that 127.0.0.1:PORT on this machine leads to a container; engine.network.ruleset guards the other way.
        Path(f"/proc/sys/net/ipv4/conf/{bridge}/route_localnet").write_text("1")
    forwarding = Path("/proc/sys/net/ipv4/ip_forward")
    if forwarding.read_text().strip() == "0":
        forwarding.write_text("1")
    try:
        if f'"{bridge}"' in nftables.run(f"list set inet {networks.table} bridges"):
            return
    except nftables.FirewallFailed:
        pass  # no such table
    rebuild(networks)


def rebuild(networks: Networks) -> None:
    """Make the firewall's table anew from the database, in one step; the lock is held."""
    bridges = [
        Bridge(each.definition.bridge, each.definition.subnets[0].subnet)
        for each in networks.list()
        if each.driver == BRIDGE
    ]
    ports = [_published(row) for row in networks.database.rows("SELECT * FROM ports") if ":" not in row["host_ip"]]
    nftables.run(ruleset.whole_table(networks.table, bridges, ports))


def _publish(networks: Networks, ports: list[PublishedPort]) -> None:
    try:
        nftables.run("\n".join(ruleset.add_port(networks.table, port) for port in ports))
    except nftables.FirewallFailed:
        # An element that a killed process left. The database, which has our rows by now, says what should be there.
        rebuild(networks)


def _published(row: sqlite3.Row) -> PublishedPort:
    return PublishedPort(row["protocol"], row["host_ip"], row["host_port"], row["container_ip"], row["container_port"])


def _connected(endpoint: Endpoint) -> ConnectedEndpoint:
    return ConnectedEndpoint(
        network_id=endpoint.network_id,
        endpoint_id=endpoint.id,
        ip_address=endpoint.ip_address,
        ip_prefix_len=endpoint.prefix_length,
        gateway=endpoint.gateway,
        mac_address=endpoint.mac_address,
    )


def _namespace_of(networks: Networks, donor: str) -> str | None:
    """Return the namespace of a running container, through its first process; None when it is the machine's."""
    from engine.containers import rows

    container = rows.get(networks.database, donor)
    if container.host.network_mode == HOST:
        return None
    return f"/proc/{container.state.pid}/ns/net"
