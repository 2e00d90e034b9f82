"""Taking a container out of its networks on the machine, and removing what belongs to no container.

Also runs in the short process that a container's monitor calls at its end, so it imports little.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine import locks
from engine.network import sandbox
from engine.network.record import LOCK, Endpoint, NetworkDefinition
from engine.network.sandbox import namespace_path
from engine.state.codec import decode

if TYPE_CHECKING:
    from engine.network import Networks

UDP = "udp"


def tear_down(networks: Networks, container_id: str) -> None:
    """Take down what apply made; what is not there is passed over.

    Raises AttendantFailed, OSError and FirewallMissing.
    """
    path = namespace_path(networks.settings, container_id)
    rows = networks.database.rows("SELECT * FROM ports WHERE container_id = ?", (container_id,))
    endpoints = _endpoints(networks, container_id)
    attended = any(":" in row["host_ip"] for row in rows) or any(each.asking for each in endpoints)
    parented = [each.interface for each in endpoints if each.interface and not each.outer]
    if not rows and not attended:
        if path.exists():
            _cut_off(container_id)
            _remove_inside(path, parented)
            sandbox.remove(path)
        return
    from engine.network.machine import withdraw
    from engine.network.publish import of_rows

    ports = of_rows(rows)
    with locks.locked(networks.settings.locks, LOCK):
        _cut_off(container_id)
        # The namespace's file first: whoever makes the table anew from now on leaves the ports out. But the kernel is
        # not to take the namespace down meanwhile: it would hold up the change of the firewall for 10 ms.
        with sandbox.kept(path):
            _remove_inside(path, parented)
            sandbox.remove(path)
            if ports:
                withdraw(networks, ports)
            if attended:
                from engine.network import attend

                attend.update(networks)  # which lets go of the sockets that keep the namespace
    if any(port.protocol == UDP for port in ports):
        from engine.network.conntrack import forget_udp

        for address in {port.container_ip for port in ports if ":" not in port.container_ip}:
            forget_udp(container_ip=address)


def _endpoints(networks: Networks, container_id: str) -> list[Endpoint]:
    rows = networks.database.rows("SELECT definition FROM endpoints WHERE container_id = ?", (container_id,))
    return [decode(Endpoint, row["definition"]) for row in rows]


def _remove_inside(path: Path, interfaces: list[str]) -> None:
    """Remove interfaces on another one, which would keep their hardware addresses until the kernel takes them down."""
    if not interfaces or not path.exists():
        return
    from engine.network import netlink as nl

    def remove() -> None:
        with nl.Netlink() as inside, suppress(nl.NetlinkFailed):
            inside.run(*(nl.delete_link(each) for each in interfaces))

    with suppress(OSError):  # it was cut off while it was made
        sandbox.inside(path, remove)


def sweep(networks: Networks) -> None:
    """Remove namespaces, interfaces and leases of containers that neither run nor start; cheap when there are none.

    Raises OSError, FirewallFailed and FirewallMissing.
    """
    if not _unknown(networks):
        return
    from engine.network.wire import let_go

    with locks.locked(networks.settings.locks, LOCK):
        unknown = _unknown(networks)
        namespaces = [name for kind, name in unknown if kind == "namespace"]
        for name in namespaces:
            sandbox.remove(networks.settings.network_namespaces / name)
        for kind, name in unknown:
            if kind == "interface":  # most often the kernel is at it already
                let_go(name)
            elif kind == "left":
                _delete_link(name)
        if namespaces or any(kind == "left" for kind, _ in unknown):
            from engine.network import machine

            machine.rebuild(networks)
    for owner in {_owner(name) for kind, name in unknown if kind == "left"}:
        from engine.network.join import lead_out

        for row in networks.database.rows("SELECT id FROM containers WHERE id GLOB ?", (f"{owner}*",)):
            lead_out(networks, row["id"])
    with networks.database.transaction() as tx:
        tx.execute("DELETE FROM leases WHERE endpoint_id NOT IN (SELECT id FROM endpoints)")


def missing(networks: Networks) -> list[str]:
    """Return, in words, what containers in networks stand on and is not there, and what is there for none."""
    from engine.network import attend, nftables
    from engine.network.netlink import index_of

    found = []
    rows = networks.database.rows(
        "SELECT name, definition ->> 'bridge' AS bridge FROM networks WHERE id IN (SELECT network_id FROM leases)"
    )
    for row in rows:
        if row["bridge"] and index_of(row["bridge"]) is None:
            found.append(f"network {row['name']}: its bridge {row['bridge']} is gone")
    if rows:
        try:
            nftables.run(f"list table inet {networks.table}")
        except nftables.FirewallFailed:
            found.append(f"the firewall's table {networks.table} is gone: published ports lead nowhere")
        if attend.is_missing(networks):
            found.append("nothing answers containers' questions for names and relays their IPv6 ports")
    words = {"left": "interface {}: its container is not in the network any more"}
    return found + [
        words.get(kind, f"{kind} {{}}: its container does not run").format(name) for kind, name in _unknown(networks)
    ]


def _unknown(networks: Networks) -> list[tuple[str, str]]:
    """Return (kind, name) of what nobody has or may have.

    Kinds are "namespace" and "interface" of a container that does not run, and "left": an interface to a network that
    a container has left, or has not come to be in, which a killed process did not take away. One of which nothing else
    is left is an "interface", too.
    """
    found = [("namespace", name, name[:8]) for name in _names(networks.settings.network_namespaces)]
    for row in networks.database.rows("SELECT definition FROM networks"):
        bridge = decode(NetworkDefinition, row["definition"]).bridge
        if bridge:
            found += [("interface", name, _owner(name)) for name in _names(Path("/sys/class/net") / bridge / "brif")]
    if not found:
        return []
    outers = {row["outer"] for row in networks.database.rows("SELECT definition ->> 'outer' AS outer FROM endpoints")}
    rows = networks.database.rows("SELECT id FROM containers WHERE status IN ('running', 'paused') OR intent != ''")
    known = {row["id"][:8] for row in rows}
    nobodys = [(kind, name) for kind, name, prefix in found if prefix and prefix not in known]
    left = [name for kind, name, prefix in found if kind == "interface" and prefix in known and name not in outers]
    return nobodys + [("interface" if _is_let_go(name) else "left", name) for name in left]


def _is_let_go(interface: str) -> bool:
    from engine.network.wire import is_let_go

    return is_let_go(interface)


def _owner(interface: str) -> str:
    from engine.network.wire import owner

    return owner(interface)


def _names(folder: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return os.listdir(folder)
    return []


def _delete_link(name: str) -> None:
    from engine.network import netlink as nl

    with nl.Netlink() as host, suppress(nl.NetlinkFailed):
        host.run(nl.delete_link(name))


def _cut_off(container_id: str) -> None:
    from engine.network.wire import silence

    silence(container_id)
