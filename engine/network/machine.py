"""What networks need on the machine apart from any one container: bridges, forwarding, the firewall's table.

Each is looked at whenever a container is connected and made again when somebody took it away. All but mend are
called under the network lock. The table's rules for a container's ports are there for as long as the file of its
namespace is, so that whoever makes the table anew at any moment puts in what belongs there and nothing else.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine import locks
from engine.network import built_in, generation, ipam, nftables, ruleset
from engine.network import netlink as nl
from engine.network.publish import of_rows
from engine.network.record import BRIDGE, LOCK, Endpoint, Network
from engine.network.ruleset import Bridge, PublishedPort, Range
from engine.network.sandbox import namespaces
from engine.state.codec import decode

if TYPE_CHECKING:
    from engine.network import Networks

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
FORWARDING6 = Path("/proc/sys/net/ipv6/conf/all/forwarding")


def ensure(networks: Networks, network: Network) -> int:
    """Return the index of what containers' interfaces are on, a bridge or a parent; made where it is missing.

    Raises NetlinkFailed, ParentImpossible and OSError.
    """
    if network.bridged:
        return ensure_bridge(networks, network)
    from engine.network import parented

    return parented.ensure(network)


def ensure_bridge(networks: Networks, network: Network) -> int:
    """Make a network's bridge, or what is missing of it; returns its index. Raises NetlinkFailed, OSError."""
    name, four, six = network.definition.bridge, network.definition.ipv4, network.definition.ipv6
    with nl.Netlink() as host:
        index = nl.index_of(name)
        if index is None:
            mac = ipam.mac_address(next(each.gateway for each in (four, six) if each is not None))
            host.run(nl.add_bridge(name, mac, network.mtu if network.user_defined else 0))
            index = socket.if_nametoindex(name)
            _adopt(networks, network, index, host)
        requests = []
        if six is not None:
            _switch(Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "0")
        for subnet in (four, six):
            if subnet is not None and network.is_addressed(ipv6=subnet.is_ipv6):
                requests.append(nl.add_address(index, subnet.gateway, subnet.prefix_length))
        host.run(*requests, nl.set_up(index))
    # So that 127.0.0.1:PORT on this machine leads to a container; engine.network.ruleset guards the other way.
    _switch(Path(f"/proc/sys/net/ipv4/conf/{name}/route_localnet"), "1")
    _switch(FORWARDING, "1")
    if six is not None:
        _switch(FORWARDING6, "1")
    return index


def make_default(networks: Networks) -> None:
    """Make the default network's bridge, with another subnet where its own is used elsewhere by now; takes the locks.

    Raises NoFreeSubnet, NetlinkFailed and OSError.
    """
    with built_in.choosing(), locks.locked(networks.settings.locks, LOCK):
        with networks.database.transaction() as tx:
            network = built_in.refit(tx, networks.resolve(BRIDGE))
        ensure_bridge(networks, network)


def mend(networks: Networks, used: Sequence[Network]) -> None:
    """Make what is missing of the networks that containers are in, and of the firewall's table; takes the lock."""
    with locks.locked(networks.settings.locks, LOCK):
        for network in used:
            ensure(networks, network)
        publish(networks, [])
        _attend(networks)


def attend(networks: Networks) -> None:
    """Make known to the attendant what containers have now; takes the lock."""
    with locks.locked(networks.settings.locks, LOCK):
        _attend(networks)


def _attend(networks: Networks) -> None:
    from engine.network import attend

    attend.update(networks)


def publish(networks: Networks, ports: Sequence[PublishedPort]) -> None:
    """Lead ports to a container, whose rows are committed and whose namespace is there, and mend the table.

    Raises FirewallFailed and FirewallMissing.
    """
    if ports:
        _change(networks, lambda: _change_ports(networks, [], ports))
    elif not generation.Kept(networks.settings.run_root).matches(generation.current()):
        rebuild(networks)


def withdraw(networks: Networks, ports: Sequence[PublishedPort]) -> None:
    """Lead ports nowhere any more; those that are not there are passed over."""
    kept, before = generation.Kept(networks.settings.run_root), generation.current()
    as_left = kept.matches(before)
    try:
        _change_ports(networks, ports, [])
    except nftables.FirewallFailed:
        kept.drop()
        for port in ports:
            with suppress(nftables.FirewallFailed):  # it is not there, or the table is gone
                _change_ports(networks, [port], [])
    else:
        if as_left:
            _keep(kept, before)


def take_in(networks: Networks, network: Network) -> None:
    """Make a new network's bridge or parent and the firewall's part of it. Raises as ensure and publish do."""
    if network.definition.config_only:
        return
    ensure(networks, network)
    if network.bridged:
        _change(networks, lambda: nftables.run(ruleset.add_bridge(networks.table, _bridge(network))))


def put_out(networks: Networks, network: Network) -> None:
    """Take the bridge of a network that is no more away, with the firewall's part of it.

    Raises NetlinkFailed, FirewallFailed and FirewallMissing.
    """
    if not network.bridged:
        from engine.network import parented

        parented.remove(network)
        return
    if network.definition.own_bridge:
        with nl.Netlink() as host:
            host.run(nl.delete_link(network.definition.bridge))
    _change(networks, lambda: nftables.run(ruleset.delete_bridge(networks.table, _bridge(network))))


def _change(networks: Networks, make: Callable[[], object]) -> None:
    """Change a table that is as it should be, and make anew one that is not; the database says what it should be."""
    kept, before = generation.Kept(networks.settings.run_root), generation.current()
    if kept.matches(before):
        try:
            make()
        except nftables.FirewallFailed:  # something is there that should not be, or the other way round
            rebuild(networks)
        else:
            _keep(kept, before)
    else:
        rebuild(networks)


def _change_ports(networks: Networks, gone: Sequence[PublishedPort], new: Sequence[PublishedPort]) -> None:
    from engine.network import elements  # most containers publish no port

    elements.change(networks.table, gone, new)


def distrust(networks: Networks) -> int | None:
    """Have the table made anew by whoever needs it next; returns the count at which it is right, None if it is not."""
    kept, count = generation.Kept(networks.settings.run_root), generation.current()
    as_left = kept.matches(count)
    kept.drop()
    return count if as_left else None


def lead(networks: Networks, gone: Sequence[PublishedPort], new: Sequence[PublishedPort], count: int | None) -> None:
    """Lead some ports nowhere any more and others to their containers, after distrust, which gave count.

    Raises FirewallFailed and FirewallMissing.
    """
    if count is not None and count == generation.current():
        with suppress(nftables.FirewallFailed):  # it is not as it was thought to be
            _change_ports(networks, gone, new)
            _keep(generation.Kept(networks.settings.run_root), count)
            return
    rebuild(networks)


def rebuild(networks: Networks) -> None:
    """Make the firewall's table anew from the database and the namespaces, in one step.

    Raises FirewallFailed and FirewallMissing.
    """
    bridges = [_bridge(each) for each in networks.list() if each.bridged]
    before = generation.current()
    nftables.run(ruleset.whole_table(networks.table, bridges, _ports_in_use(networks)))
    _keep(generation.Kept(networks.settings.run_root), before)


def _bridge(network: Network) -> Bridge:
    definition = network.definition
    ranges = [
        Range(
            subnet.subnet,
            hidden=network.masquerades(ipv6=subnet.is_ipv6),
            source=network.source(ipv6=subnet.is_ipv6),
            mode=network.mode(ipv6=subnet.is_ipv6),
        )
        for subnet in (definition.ipv4, definition.ipv6)
        if subnet is not None
    ]
    return Bridge(
        definition.bridge,
        tuple(ranges),
        connects=network.connects,
        internal=definition.internal,
        trusted=tuple(network.trusted),
    )


def _adopt(networks: Networks, network: Network, bridge: int, host: nl.Netlink) -> None:
    """Put interfaces of connected containers, which a bridge that was removed left alone, on the new one."""
    rows = networks.database.rows("SELECT definition FROM endpoints WHERE network_id = ?", (network.id,))
    for row in rows:
        index = nl.index_of(decode(Endpoint, row["definition"]).outer)
        if index is not None:
            host.run(nl.set_master(index, bridge), nl.let_hairpin(index))


def _ports_in_use(networks: Networks) -> list[PublishedPort]:
    rows = networks.database.rows("SELECT * FROM ports ORDER BY protocol, host_port, host_ip")
    there = namespaces(networks.settings)
    return of_rows(row for row in rows if there(row["container_id"]))


def _keep(kept: generation.Kept, before: int | None) -> None:
    """Note the count after a change of ours, unless another one came between."""
    after = generation.current()
    if after is not None and generation.follows(before, after):
        kept.keep(after)
    else:
        kept.drop()


def _switch(setting: Path, value: str) -> None:
    if setting.read_text().strip() != value:
        setting.write_text(value)
