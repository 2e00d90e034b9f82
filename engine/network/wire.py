"""A container's namespace and the pairs of interfaces that lead out of it.

Inside are lo and, for each network, ethN. Of a bridged one the other end, veth<first 11 of the id> for the first
network and with the interface's number in it for more, is on the bridge. The kernel removes them when the namespace
goes.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.network import netlink as nl
from engine.network import sandbox
from engine.network.record import Endpoint, Network

if TYPE_CHECKING:
    from engine.network.connect import Ways

End = tuple[int, Network, Endpoint]  # the index of the bridge or of the parent, the network, the place in it

LINK_LOCAL_PREFIX, LINK_LOCAL_PREFIX6 = 16, 64
OUTER_NAME = re.compile("veth([0-9a-f]{8})([0-9a-f]{3}|x[0-9]{1,2})")
SYSCTL_ROOT = Path("/proc/sys")


class NoSuchSysctl(EngineError):
    """A setting of an interface that the kernel does not have; in dockerd's words."""

    def __init__(self, path: str, interface: str) -> None:
        super().__init__(
            f"failed to set up container networking: failed to add interface {interface} to sandbox: "
            f"{path} is not a sysctl file"
        )
        self.path = path


def wire(namespace: int, ends: Sequence[End], *, ways: Ways | None = None, resolver: bool = False) -> list[int]:
    """Furnish a new namespace with an interface for each end.

    ways: the endpoints that have the default routes. resolver: whether the container asks for names; then the
    descriptors of the sockets at which it does are returned (engine.network.resolver). Raises NetlinkFailed,
    ParentImpossible, NoSuchSysctl, OSError, FirewallFailed and FirewallMissing.
    """
    return add_ends(namespace, ends, [nl.set_up(nl.LOOPBACK_INDEX)], ways=ways, resolver=resolver, fresh=True)


def add_ends(
    namespace: int,
    ends: Sequence[End],
    first: Sequence[nl.Request] = (),
    *,
    ways: Ways | None = None,
    resolver: bool = False,
    fresh: bool = False,
) -> list[int]:
    """Put interfaces into an open namespace, after first was carried out inside; otherwise as wire.

    fresh: the namespace has just been made.
    """
    if ends:
        with nl.Netlink() as host:
            for index, network, endpoint in ends:
                if network.bridged:
                    _add_pair(host, index, network.mtu, endpoint, namespace)
                else:
                    from engine.network.parented import add_interface

                    add_interface(host, network, index, endpoint, namespace)
    questions: list[int] = []

    def furnish() -> None:
        _furnish([endpoint for _, _, endpoint in ends], first, ways)
        if resolver:
            from engine.network.resolver import open_sockets

            questions.extend(open_sockets(fresh=fresh))

    sandbox.within(namespace, furnish)
    return questions


def default_routes(endpoint: Endpoint, index: int, ways: Ways) -> list[nl.Request]:
    """Return the requests for the default routes that an endpoint has."""
    made = []
    for leads, gateway, ipv6 in (
        (endpoint.id == ways.ipv4, endpoint.gateway, False),
        (endpoint.id == ways.ipv6, endpoint.ipv6_gateway, True),
    ):
        if leads:
            made.append(nl.add_default_route(index, gateway) if gateway else nl.add_interface_route(index, ipv6=ipv6))
    return made


def outer_name(container_id: str, number: int = 0) -> str:
    """Return the name of an interface's end on the machine's side; at most 15 characters."""
    return f"veth{container_id[:11]}" if number == 0 else f"veth{container_id[:8]}x{number}"


def owner(outer: str) -> str:
    """Return how the id begins of the container that an outer name was made for; empty when it is no such name."""
    found = OUTER_NAME.fullmatch(outer)
    return found[1] if found else ""


def silence(container_id: str) -> None:
    """Let nothing more through between a container and its bridge.

    The kernel takes a namespace down some time after it was let go of; its address may be another container's by then.
    """
    for number in count():
        index = nl.index_of(outer_name(container_id, number))
        if index is None:
            return
        with nl.Netlink() as host, suppress(nl.NetlinkFailed):  # it goes right now
            host.run(nl.disable_port(index))


def let_go(outer: str) -> None:
    """Let nothing more through a pair of interfaces, and have the kernel remove it.

    Nobody waits for that, because it takes the kernel tens of milliseconds. A disabled port is the mark of a pair of
    which nothing else is left (is_let_go): when this process is killed, whoever comes next has only to remove it.
    """
    index = nl.index_of(outer)
    if index is None:
        return
    with nl.Netlink() as host, suppress(nl.NetlinkFailed):  # it goes right now
        host.run(nl.disable_port(index))
    from engine.off_loop import afterwards

    afterwards(_remove, index)


def is_let_go(outer: str) -> bool:
    """Tell whether a pair has only to be removed, or is gone."""
    try:
        return Path(f"/sys/class/net/{outer}/brport/state").read_text().strip() == str(nl.BR_STATE_DISABLED)
    except OSError:
        return True


def _remove(index: int) -> None:
    with nl.Netlink() as host, suppress(nl.NetlinkFailed):
        host.run(nl.delete_index(index))


def _add_pair(host: nl.Netlink, bridge: int, mtu: int, endpoint: Endpoint, namespace: int) -> None:
    mac = bytes.fromhex(endpoint.mac_address.replace(":", ""))
    pair = nl.add_veth(endpoint.outer, bridge, endpoint.interface, namespace, mac, mtu)
    try:
        host.run(pair)
    except nl.NetlinkFailed as error:
        if error.code != errno.EEXIST:
            raise
        host.run(nl.delete_link(endpoint.outer), pair)  # a killed start or a former run left it
    index = socket.if_nametoindex(endpoint.outer)
    # Where br_netfilter is loaded, a container that calls its own published port is answered within the bridge.
    host.run(nl.let_hairpin(index), *([nl.isolate_port(index)] if endpoint.isolated else []))


def _furnish(endpoints: Sequence[Endpoint], first: Sequence[nl.Request], ways: Ways | None) -> None:
    requests = [*first]
    for endpoint in endpoints:
        name = endpoint.interface
        ipv6 = bool(endpoint.ipv6_address)
        # Told to the neighbours, who may know the address's former owner.
        for setting, value in (("disable_ipv6", "0" if ipv6 else "1"), *([("ndisc_notify", "1")] if ipv6 else [])):
            with suppress(OSError):  # a kernel without IPv6
                Path(f"/proc/sys/net/ipv6/conf/{name}/{setting}").write_text(value)
        for setting, value in endpoint.sysctls.items():
            _set(SYSCTL_ROOT / setting, value, name)
        index = socket.if_nametoindex(name)
        for address, length in (
            (endpoint.ip_address, endpoint.prefix_length),
            (endpoint.ipv6_address, endpoint.ipv6_prefix_length),
        ):
            if address:
                requests.append(nl.add_address(index, address, length))
        requests += [
            nl.add_address(index, address, LINK_LOCAL_PREFIX6 if ":" in address else LINK_LOCAL_PREFIX)
            for address in endpoint.link_local
            if ipv6 or ":" not in address
        ]
        requests.append(nl.set_up(index))
        if ways is not None:
            requests += default_routes(endpoint, index, ways)
    with nl.Netlink() as link:
        link.run(*requests)


def _set(path: Path, value: str, interface: str) -> None:
    try:
        if ".." in path.parts:
            raise FileNotFoundError
        path.write_text(value)
    except FileNotFoundError as error:
        raise NoSuchSysctl(str(path), interface) from error
