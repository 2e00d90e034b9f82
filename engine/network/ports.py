"""A container's published ports: what is wanted, which ports of the machine it gets, and holding on to those.

wanted_ports and shown_key are pure. reserve binds a socket to each port without listening: no process can take the
port while somebody, in the end the container's monitor, has the descriptors, and the kernel frees it with them.
Traffic never reaches the sockets, because the firewall leads it to the container first. Which ports are tried, and
in which order, is as in dockerd, but for the place where the search for an ephemeral port begins.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from engine.containers.config import PortBinding
from engine.lean_dataclasses import dataclass
from engine.network.addresses import host_address, is_ipv6, sort_key
from engine.network.port_errors import (
    AllPortsAllocated,
    InvalidHostPort,
    InvalidPortRange,
    ListenedTwice,
    PortAllocated,
    PortNotBound,
    UnknownPortProtocol,
    not_bound,
)

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "sctp": 132}
SOCKET_KINDS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}
ANY_IPV4, ANY_IPV6 = "0.0.0.0", "::"
LOCAL_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
DEFAULT_PORT_RANGE = (49153, 65535)
ATTEMPTS = 10  # ports of a range that are tried although processes have them

# Gives the address under which a container has a port of an address, all-addresses taken into account; None: none has.
Taken = Callable[[str, str, int], str | None]


@dataclass(frozen=True, slots=True)
class PortRequest:
    """One port of a container to be published, under one port of the machine, at each of some addresses.

    host_ips: "" stands for every IPv4 and IPv6 address. first and last: the ports of the machine to choose from,
    (0, 0) for the kernel's ephemeral ones.
    """

    protocol: str
    container_port: int
    host_ips: tuple[str, ...]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Held:
    """A socket, by its descriptor, that is bound to a port of an address."""

    protocol: str
    host_ip: str
    port: int
    fd: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """What a request got: (host address, port) as inspect shows them, and the sockets that hold them."""

    bindings: list[tuple[str, int]]
    held: list[Held]

    @property
    def fds(self) -> list[int]:
        """The descriptors of the sockets."""
        return [each.fd for each in self.held]


def wanted_ports(
    exposed: Sequence[str], bindings: Mapping[str, Sequence[PortBinding] | None], publish_all: bool
) -> list[PortRequest]:
    """Return what is to be published, in the order in which it is to be reserved.

    Of bindings counts only what is exposed, too; with publish_all each exposed port without a binding gets one.
    Requests for certain ports come first, so that no range takes them. Raises InvalidHostPort.
    """
    wanted = []
    for key in exposed:
        port, protocol = _split(key)
        found = bindings.get(key) or ()
        for binding in found:
            first, last = _range(binding.host_port)
            wanted.append((port, protocol, first, last, host_address(binding.host_ip)))
        if publish_all and not found:
            wanted.append((port, protocol, 0, 0, ""))
    wanted.sort(key=_order)
    return [
        PortRequest(protocol, port, tuple(entry[4] for entry in entries), first, last)
        for (port, protocol, first, last), entries in groupby(wanted, key=lambda entry: entry[:4])
    ]


def shown_key(exposed: str) -> str:
    """Return the key under which inspect shows an exposed port: 80/tcp. What is no port is 0, no protocol 0."""
    port, protocol = _split(exposed)
    return f"{port}/{protocol if protocol in PROTOCOLS else 0}"


def reserve(
    request: PortRequest,
    taken: Taken,
    *,
    container_ip: str,
    container_ip6: str = "",
    start: int | None = None,
) -> Reserved:
    """Choose a port of the machine and bind it at each address of the request, or leave nothing bound.

    A range is searched from its beginning. For an ephemeral port the search begins at start, or anywhere, so that
    a port that became free is not at once another container's. Raises PortFailure: PortAllocated,
    AllPortsAllocated, InvalidPortRange, UnknownPortProtocol, ListenedTwice, PortInUse, CannotAssign, PortNotBound.
    """
    if request.protocol not in SOCKET_KINDS:
        raise UnknownPortProtocol(request.protocol)
    if bool(request.first) != bool(request.last):
        raise InvalidPortRange(request.first, request.last)
    addresses = _addresses(request)
    if request.first and request.first == request.last:
        holder = _holder(request.protocol, addresses, request.first, taken)
        if holder is not None:
            raise PortAllocated(holder, request.first)
        return _bind(request, addresses, request.first, container_ip, container_ip6)
    first, last = (request.first, request.last) if request.first else _ephemeral_range()
    if start is None:
        start = first if request.first else first + int.from_bytes(os.urandom(4), "big") % (last - first + 1)
    ports = _untaken(first, last, start, lambda port: _holder(request.protocol, addresses, port, taken) is None)
    failure: PortNotBound | None = None
    for _ in range(ATTEMPTS):
        port = next(ports, None)
        if port is None:
            raise AllPortsAllocated(first, last)
        try:
            return _bind(request, addresses, port, container_ip, container_ip6)
        except PortNotBound as error:
            failure = error
    assert failure is not None
    raise failure


def _split(key: str) -> tuple[int, str]:
    """Return port and protocol of 80/tcp; a text that is no port is port 0."""
    number, _, protocol = key.partition("/")
    if not number:
        return 0, ""
    port = _number(number)
    return (0 if isinstance(port, str) else port), (protocol.partition("/")[0] or "tcp").lower()


def _range(host_port: str) -> tuple[int, int]:
    """Return the first and last port of "", 80, 80-90; what follows a slash is passed over."""
    text = host_port.partition("/")[0]
    if not text:
        return 0, 0
    ends = [_number(part) for part in text.split("-")[:2]]
    for end in ends:
        if isinstance(end, str):
            raise InvalidHostPort(host_port, end)
    first, last = int(ends[0]), int(ends[-1])
    if last < first:
        raise InvalidHostPort(host_port, f"invalid range specified for port: {text}")
    return first, last


def _number(text: str) -> int | str:
    """Return a port, or why the text is none."""
    if not (text.isascii() and text.isdigit()):
        return f'strconv.ParseUint: parsing "{text}": invalid syntax'
    if len(text.lstrip("0")) > 5 or int(text) > 65535:
        return f'strconv.ParseUint: parsing "{text}": value out of range'
    return int(text)


def _order(entry: tuple[int, str, int, int, str]) -> tuple[bool, int, int, str, int, int, tuple[int, bytes]]:
    port, protocol, first, last, host_ip = entry
    any_of_several = first == 0 or first != last
    return any_of_several, port, PROTOCOLS.get(protocol, 0), protocol, first, last, sort_key(host_ip)


def _addresses(request: PortRequest) -> list[str]:
    addresses = []
    for host_ip in request.host_ips:
        if host_ip:
            addresses.append(host_ip)
        else:
            addresses += [ANY_IPV4, ANY_IPV6] if _has_ipv6() else [ANY_IPV4]
    return addresses


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _ephemeral_range() -> tuple[int, int]:
    try:
        first, last = LOCAL_PORT_RANGE.read_text().split()
        return int(first), int(last)
    except (OSError, ValueError):
        return DEFAULT_PORT_RANGE


def _holder(protocol: str, addresses: Sequence[str], port: int, taken: Taken) -> str | None:
    for address in addresses:
        holder = taken(protocol, address, port)
        if holder is not None:
            return holder
    return None


def _untaken(first: int, last: int, start: int, is_free: Callable[[int], bool]) -> Iterator[int]:
    """Go round and round through the ports of a range that no container has; ends when there are none."""
    size = last - first + 1
    offset, misses = (start - first) % size, 0
    while misses < size:
        port = first + offset
        offset = (offset + 1) % size
        if is_free(port):
            misses = 0
            yield port
        else:
            misses += 1


def _bind(request: PortRequest, addresses: Sequence[str], port: int, container_ip: str, container_ip6: str) -> Reserved:
    held: dict[str, socket.socket] = {}
    bindings: list[tuple[str, int]] = []
    address = ""
    try:
        for address in addresses:
            if any(_covers(other, address) for other in held):
                # dockerd's sockets share a UDP port, and fail over a TCP port when they begin to listen.
                if request.protocol == "tcp":
                    raise ListenedTwice(address, port)
            else:
                held[address] = _hold(request.protocol, address, port)
            if (address, port) not in bindings:
                bindings.append((address, port))
    except OSError as error:
        _close(held)
        raise not_bound(
            error.errno or errno.EIO,
            address,
            port,
            protocol=request.protocol,
            container_ip=(container_ip6 if is_ipv6(address) else "") or container_ip,
            container_port=request.container_port,
            wanted=(request.first, request.last),
        ) from error
    except BaseException:
        _close(held)
        raise
    return Reserved(bindings, [Held(request.protocol, host_ip, port, each.detach()) for host_ip, each in held.items()])


def _covers(one: str, other: str) -> bool:
    return one == other or one == (ANY_IPV6 if is_ipv6(other) else ANY_IPV4)


def _hold(protocol: str, address: str, port: int) -> socket.socket:
    """Bind a port for nobody else to have it. Raises OSError."""
    try:
        return _bound(protocol, address, port, reuse=False)
    except OSError as error:
        if protocol != "tcp" or error.errno != errno.EADDRINUSE:
            raise
        # Perhaps only connections that somebody's former server closed. A socket that shares the address with those
        # would share it with a new server too, unless it listens.
        shared = _bound(protocol, address, port, reuse=True)
        try:
            shared.listen(0)
        except BaseException:
            shared.close()
            raise
        return shared


def _bound(protocol: str, address: str, port: int, *, reuse: bool) -> socket.socket:
    kind, number = SOCKET_KINDS[protocol]
    made = socket.socket(socket.AF_INET6 if is_ipv6(address) else socket.AF_INET, kind, number)
    try:
        if is_ipv6(address):
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if reuse:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
    except BaseException:
        made.close()
        raise
    return made


def _close(held: Mapping[str, socket.socket]) -> None:
    for each in held.values():
        each.close()
