"""A container's namespace and the pairs of interfaces that lead out of it.

Inside are lo and, for each bridged network, ethN; the other end, veth<first 11 of the id> for the first network and
with the interface's number in it for more, is on the bridge. The kernel removes them when the namespace goes.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from engine.errors import EngineError
from engine.network import netlink as nl
from engine.network import sandbox
from engine.network.record import Endpoint

LINK_LOCAL_PREFIX = 16
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


def wire(
    path: Path,
    ends: Sequence[tuple[int, int, Endpoint]],
    *,
    way_out: str = "",
    resolver: tuple[str, str] | None = None,
) -> None:
    """Make the namespace at path with an interface for each (bridge's index, MTU, endpoint).

    way_out: the id of the endpoint that has the default route. resolver: the gateway and the interface that lead to the
    name server. Raises NetlinkFailed, NoSuchSysctl, OSError, FirewallFailed and FirewallMissing.
    """
    sandbox.make(path)
    add_ends(path, ends, [nl.set_up(nl.LOOPBACK_INDEX)], way_out=way_out, resolver=resolver)


def add_ends(
    path: Path,
    ends: Sequence[tuple[int, int, Endpoint]],
    first: Sequence[nl.Request] = (),
    *,
    way_out: str = "",
    resolver: tuple[str, str] | None = None,
) -> None:
    """Put interfaces into the namespace at path, after first was carried out inside; otherwise as wire."""
    if ends:
        namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with nl.Netlink() as host:
                for bridge, mtu, endpoint in ends:
                    _add_pair(host, bridge, mtu, endpoint, namespace)
        finally:
            os.close(namespace)

    def furnish() -> None:
        _furnish([endpoint for _, _, endpoint in ends], first, way_out)
        if resolver is not None:
            from engine.network.resolver import lead

            lead(*resolver)

    sandbox.inside(path, furnish)


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


def _furnish(endpoints: Sequence[Endpoint], first: Sequence[nl.Request], way_out: str) -> None:
    requests = [*first]
    for endpoint in endpoints:
        name = endpoint.interface
        with suppress(OSError):  # a kernel without IPv6
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
        for setting, value in endpoint.sysctls.items():
            _set(SYSCTL_ROOT / setting, value, name)
        index = socket.if_nametoindex(name)
        requests.append(nl.add_address(index, endpoint.ip_address, endpoint.prefix_length))
        requests += [
            nl.add_address(index, address, LINK_LOCAL_PREFIX) for address in endpoint.link_local if ":" not in address
        ]
        requests.append(nl.set_up(index))
        if endpoint.id == way_out:
            requests.append(nl.add_default_route(index, endpoint.gateway))
    with nl.Netlink() as link:
        link.run(*requests)


def _set(path: Path, value: str, interface: str) -> None:
    try:
        if ".." in path.parts:
            raise FileNotFoundError
        path.write_text(value)
    except FileNotFoundError as error:
        raise NoSuchSysctl(str(path), interface) from error
