"""macvlan and ipvlan: networks whose containers have interfaces on one of this machine's.

The interface that they are on, the parent, is one that is there, a VLAN of one (eth0.10), which is made if it is not
there, or, for a network that leads nowhere, a dummy of the network's own. Words of errors are dockerd's.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.network import netlink as nl

if TYPE_CHECKING:
    from engine.network.record import Endpoint, Network

PARENT = "parent"
MACVLAN, IPVLAN = "macvlan", "ipvlan"
MODES = {
    MACVLAN: {"": 4, "bridge": 4, "private": 1, "vepa": 2, "passthru": 8},
    IPVLAN: {"": 0, "l2": 0, "l3": 1, "l3s": 2},
}
FLAGS = {"": 0, "bridge": 0, "private": 1, "vepa": 2}
DEFAULT_MODES = {MACVLAN: "bridge", IPVLAN: "l2"}


class ParentImpossible(EngineError):
    """An option of a network on another interface that cannot be followed."""

    def __init__(self, text: str) -> None:
        super().__init__(text)


def check(driver: str, options: dict[str, str]) -> None:
    """Refuse options that a network of a driver does not take. Raises ParentImpossible."""
    mode, flag = options.get(f"{driver}_mode", ""), options.get("ipvlan_flag", "")
    if mode not in MODES[driver]:
        raise ParentImpossible(
            f"requested {driver} mode '{mode}' is not valid, '{DEFAULT_MODES[driver]}' mode is the {driver} driver "
            "default"
        )
    if driver == IPVLAN and flag not in FLAGS:
        raise ParentImpossible(f"requested ipvlan flag '{flag}' is not valid, 'bridge' is the ipvlan driver default")
    if options.get(PARENT) == "lo":
        raise ParentImpossible(f"loopback interface is not a valid {driver} parent link")


def parent_for(options: dict[str, str], network_id: str, *, internal: bool) -> tuple[str, bool]:
    """Return the name of a network's parent, and whether it is to be made for the network. Raises ParentImpossible."""
    asked = options.get(PARENT, "")
    if not asked or internal:
        return f"dm-{network_id[:12]}", True
    if nl.index_of(asked) is not None:
        return asked, False
    _vlan(asked)
    return asked, True


def ensure(network: Network) -> int:
    """Return the index of a network's parent, made where it is the network's own and not there.

    Raises ParentImpossible and NetlinkFailed.
    """
    name = network.definition.parent
    index = nl.index_of(name)
    if index is None:
        is_dummy = name == f"dm-{network.id[:12]}"
        request = nl.add_dummy(name) if is_dummy else nl.add_vlan(name, *_vlan(name))
        with nl.Netlink() as host:
            try:
                host.run(request)
            except nl.NetlinkFailed as error:
                what = "" if is_dummy else f"failed to create {name} vlan link: "
                raise ParentImpossible(f"{what}{_cause(error)}") from error
        index = socket.if_nametoindex(name)
    return index


def remove(network: Network) -> None:
    """Take away a parent that was made for a network. Raises NetlinkFailed."""
    if network.definition.own_parent:
        with nl.Netlink() as host:
            host.run(nl.delete_link(network.definition.parent))


def add_interface(host: nl.Netlink, network: Network, parent: int, endpoint: Endpoint, namespace: int) -> None:
    """Make a container's interface inside the namespace of that descriptor. Raises ParentImpossible."""
    options, driver = network.definition.options, network.driver
    mode = MODES[driver][options.get(f"{driver}_mode", "")]
    if driver == MACVLAN:
        mac = bytes.fromhex(endpoint.mac_address.replace(":", ""))
        request = nl.add_macvlan(endpoint.interface, parent, mode, namespace, mac, network.mtu)
    else:
        flag = FLAGS[options.get("ipvlan_flag", "")]
        request = nl.add_ipvlan(endpoint.interface, parent, mode, flag, namespace, network.mtu)
    try:
        host.run(request)
    except nl.NetlinkFailed as error:
        raise ParentImpossible(f"failed to create the {driver} port: {_cause(error)}") from error


def routes_by_interface(network: Network) -> bool:
    """Tell whether containers send everything out of the interface, to no gateway: ipvlan above the link layer."""
    return network.driver == IPVLAN and MODES[IPVLAN][network.definition.options.get("ipvlan_mode", "")] != 0


def _vlan(name: str) -> tuple[int, int]:
    """Return the index of the interface and the number of the VLAN that a name such as eth0.10 stands for."""
    below, dot, number = name.rpartition(".")
    if not dot or "." in below:
        raise ParentImpossible(f"invalid subinterface vlan name {name}, example formatting is eth0.10")
    index = None
    with suppress(OSError):
        index = socket.if_nametoindex(below)
    if index is None:
        raise ParentImpossible(f"-o parent interface was not found on the host: {below}")
    if not (number.isascii() and number.isdigit()) or not 1 <= int(number) <= 4094:
        raise ParentImpossible(f"vlan id must be between 1-4094, received: {number}")
    return index, int(number)


def _cause(error: nl.NetlinkFailed) -> str:
    return os.strerror(error.code).lower()
