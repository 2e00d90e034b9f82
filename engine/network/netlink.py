"""rtnetlink: the few link, address and route requests that a container's network takes, packed by hand.

A Netlink is a socket of the network namespace that its thread was in when it was opened. Requests are sent
together in one datagram and answered one by one (linux/netlink.h, linux/rtnetlink.h, linux/if_link.h).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Sequence
from types import TracebackType

from engine.errors import EngineError
from engine.network.addresses import is_ipv6, packed

NETLINK_ROUTE = 0
RTM_NEWLINK, RTM_DELLINK, RTM_SETLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_DELROUTE = 16, 17, 19, 20, 24, 25
NLMSG_ERROR = 2
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 1, 4, 0x200, 0x400
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER = 1, 3, 4, 5, 10
IFLA_PROTINFO, IFLA_TXQLEN, IFLA_LINKINFO, IFLA_NET_NS_FD = 12, 13, 18, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFLA_VLAN_ID, IFLA_MACVLAN_MODE, IFLA_IPVLAN_MODE, IFLA_IPVLAN_FLAGS = 1, 1, 1, 2
IFLA_BRPORT_STATE, IFLA_BRPORT_MODE, IFLA_BRPORT_ISOLATED, BR_STATE_DISABLED = 1, 4, 33, 0
NLA_F_NESTED = 0x8000
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_F_NODAD = 1, 2, 4, 2
RTA_OIF, RTA_GATEWAY = 4, 5
RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RTN_UNICAST = 254, 3, 0, 253, 1
IFF_UP = 1
LOOPBACK_INDEX = 1

_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")


class NetlinkFailed(EngineError):
    """The kernel refused a request; code is its errno, what says which one."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"cannot {what}: {os.strerror(code)}")
        self.what = what
        self.code = code


class Request:
    """One message without its sequence number; what is for the error's text."""

    def __init__(self, what: str, kind: int, flags: int, body: bytes, ignore: Sequence[int] = ()) -> None:
        self.what = what
        self.kind = kind
        self.flags = NLM_F_REQUEST | NLM_F_ACK | flags
        self.body = body
        self.ignore = ignore


def attribute(kind: int, value: bytes) -> bytes:
    """Pack one attribute, padded to four bytes."""
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)


def name_attribute(name: str) -> bytes:
    """Pack an interface's name."""
    return attribute(IFLA_IFNAME, name.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def add_bridge(name: str, mac: bytes, mtu: int = 0) -> Request:
    """Make a bridge that is up; one that is there stays.

    Without an address of its own it would take that of one of its ports, another one as they come and go, and
    containers would go on sending to the former.
    """
    info = attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, b"bridge\0"))
    body = _LINK.pack(0, 0, 0, IFF_UP, IFF_UP) + name_attribute(name) + attribute(IFLA_ADDRESS, mac)
    body += _size(mtu) + info
    return Request(f"make the bridge {name}", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, (errno.EEXIST,))


def _size(mtu: int) -> bytes:
    """Return what a new interface holds: packets of that size, 0 for the kernel's own; as dockerd, none is queued."""
    return (_number(IFLA_MTU, mtu) if mtu else b"") + _number(IFLA_TXQLEN, 0)


def add_veth(name: str, bridge: int, peer: str, peer_namespace: int, mac: bytes, mtu: int = 0) -> Request:
    """Make a pair: name on the bridge with that index and up, peer in the namespace of that descriptor."""
    inner = _LINK.pack(0, 0, 0, 0, 0) + name_attribute(peer) + attribute(IFLA_ADDRESS, mac) + _size(mtu)
    inner += _number(IFLA_NET_NS_FD, peer_namespace)
    data = attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, inner))
    info = attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, b"veth\0") + data)
    body = _LINK.pack(0, 0, 0, IFF_UP, IFF_UP) + name_attribute(name) + _size(mtu) + _number(IFLA_MASTER, bridge) + info
    return Request(f"make the interface {name}", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)


def set_up(index: int) -> Request:
    """Switch an interface on."""
    return Request("switch an interface on", RTM_NEWLINK, 0, _LINK.pack(0, 0, index, IFF_UP, IFF_UP))


def set_down(index: int) -> Request:
    """Switch an interface off, which takes its routes away."""
    return Request("switch an interface off", RTM_NEWLINK, 0, _LINK.pack(0, 0, index, 0, IFF_UP))


def set_master(index: int, bridge: int) -> Request:
    """Put an interface on a bridge."""
    body = _LINK.pack(0, 0, index, 0, 0) + _number(IFLA_MASTER, bridge)
    return Request("put an interface on a bridge", RTM_NEWLINK, 0, body)


def let_hairpin(index: int) -> Request:
    """Let a bridge send what came from a port back to it."""
    return _port_setting("let an interface answer itself", index, IFLA_BRPORT_MODE, 1)


def isolate_port(index: int) -> Request:
    """Let a bridge pass nothing on between a port and others that are isolated."""
    return _port_setting("isolate an interface", index, IFLA_BRPORT_ISOLATED, 1)


def delete_default_route(*, ipv6: bool = False) -> Request:
    """Take the default route away; does nothing when there is none."""
    family = socket.AF_INET6 if ipv6 else socket.AF_INET
    body = _ROUTE.pack(family, 0, 0, 0, RT_TABLE_MAIN, 0, RT_SCOPE_UNIVERSE, RTN_UNICAST, 0)
    none = (errno.ESRCH, errno.ENOENT, errno.EAFNOSUPPORT, errno.EOPNOTSUPP)
    return Request("take the default route away", RTM_DELROUTE, 0, body, none)


def disable_port(index: int) -> Request:
    """Let a bridge pass on nothing from or to a port, and forget what it learned there."""
    return _port_setting("cut an interface off", index, IFLA_BRPORT_STATE, BR_STATE_DISABLED)


def _port_setting(what: str, index: int, kind: int, value: int) -> Request:
    body = _LINK.pack(socket.AF_BRIDGE, 0, index, 0, 0)
    body += attribute(IFLA_PROTINFO | NLA_F_NESTED, attribute(kind, bytes([value])))
    return Request(what, RTM_SETLINK, 0, body)


def add_address(index: int, address: str, prefix: int) -> Request:
    """Give an interface an address, an IPv4 one with its subnet's broadcast address; one that it has stays."""
    number = packed(address)
    if is_ipv6(address):  # at once usable: nobody else on the network has it
        body = _ADDRESS.pack(socket.AF_INET6, prefix, IFA_F_NODAD, 0, index) + attribute(IFA_ADDRESS, number)
    else:
        broadcast = int.from_bytes(number, "big") | (1 << (32 - prefix)) - 1
        body = _ADDRESS.pack(socket.AF_INET, prefix, 0, 0, index)
        body += attribute(IFA_LOCAL, number) + attribute(IFA_ADDRESS, number)
        body += attribute(IFA_BROADCAST, broadcast.to_bytes(4, "big"))
    return Request(f"add the address {address}", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body, (errno.EEXIST,))


def add_default_route(index: int, gateway: str) -> Request:
    """Send everything else of the gateway's kind of address to it."""
    family = socket.AF_INET6 if is_ipv6(gateway) else socket.AF_INET
    body = _ROUTE.pack(family, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RTN_UNICAST, 0)
    body += attribute(RTA_GATEWAY, packed(gateway)) + _number(RTA_OIF, index)
    return Request(f"route to {gateway}", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body)


def add_interface_route(index: int, *, ipv6: bool = False) -> Request:
    """Send everything else out of an interface, to no gateway."""
    family, scope = (socket.AF_INET6, RT_SCOPE_UNIVERSE) if ipv6 else (socket.AF_INET, RT_SCOPE_LINK)
    body = _ROUTE.pack(family, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST, 0) + _number(RTA_OIF, index)
    return Request("route by the interface", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body)


def add_dummy(name: str) -> Request:
    """Make an interface that leads nowhere, up."""
    return _new_link(name, "dummy", up=True)


def add_vlan(name: str, parent: int, number: int) -> Request:
    """Make the interface of a VLAN on another one, up."""
    data = attribute(IFLA_INFO_DATA, attribute(IFLA_VLAN_ID, struct.pack("=H", number)))
    return _new_link(name, "vlan", _number(IFLA_LINK, parent), data, up=True)


def add_macvlan(name: str, parent: int, mode: int, namespace: int, mac: bytes, mtu: int = 0) -> Request:
    """Make a macvlan interface with an address of its own in the namespace of that descriptor."""
    attributes = _number(IFLA_LINK, parent) + _number(IFLA_NET_NS_FD, namespace) + attribute(IFLA_ADDRESS, mac)
    data = attribute(IFLA_INFO_DATA, _number(IFLA_MACVLAN_MODE, mode))
    return _new_link(name, "macvlan", attributes + _size(mtu), data)


def add_ipvlan(name: str, parent: int, mode: int, flags: int, namespace: int, mtu: int = 0) -> Request:
    """Make an ipvlan interface, which has its parent's address, in the namespace of that descriptor."""
    attributes = _number(IFLA_LINK, parent) + _number(IFLA_NET_NS_FD, namespace)
    options = attribute(IFLA_IPVLAN_MODE, struct.pack("=H", mode)) + attribute(
        IFLA_IPVLAN_FLAGS, struct.pack("=H", flags)
    )
    data = attribute(IFLA_INFO_DATA, options)
    return _new_link(name, "ipvlan", attributes + _size(mtu), data)


def _new_link(name: str, kind: str, attributes: bytes = b"", data: bytes = b"", *, up: bool = False) -> Request:
    flags = IFF_UP if up else 0
    info = attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, kind.encode() + b"\0") + data)
    body = _LINK.pack(0, 0, 0, flags, flags) + name_attribute(name) + attributes + info
    return Request(f"make the interface {name}", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)


def delete_link(name: str) -> Request:
    """Remove an interface; does nothing when it is not there."""
    body = _LINK.pack(0, 0, 0, 0, 0) + name_attribute(name)
    return Request(f"remove the interface {name}", RTM_DELLINK, 0, body, (errno.ENODEV,))


def delete_index(index: int) -> Request:
    """Remove the interface with an index, which no later one of its name has; does nothing when it is not there."""
    return Request(f"remove interface {index}", RTM_DELLINK, 0, _LINK.pack(0, 0, index, 0, 0), (errno.ENODEV,))


def index_of(name: str) -> int | None:
    """Return the index of an interface of the calling thread's namespace; None when it is not there."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


class Netlink:
    """A socket to the kernel's networking; use it as a context manager."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE)
        self._socket.bind((0, 0))

    def __enter__(self) -> Netlink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def run(self, *requests: Request) -> None:
        """Have the kernel carry out requests in order. Raises NetlinkFailed for the first that it refused."""
        packed = b""
        for sequence, request in enumerate(requests, 1):
            length = _HEADER.size + len(request.body)
            packed += _HEADER.pack(length, request.kind, request.flags, sequence, 0) + request.body
            packed += b"\0" * (-length % 4)
        self._socket.send(packed)
        failed: NetlinkFailed | None = None
        waiting = len(requests)
        while waiting:
            data = self._socket.recv(65536)
            at = 0
            while at < len(data):
                length, kind, _, sequence, _ = _HEADER.unpack_from(data, at)
                if kind == NLMSG_ERROR:
                    waiting -= 1
                    code = -struct.unpack_from("=i", data, at + _HEADER.size)[0]
                    request = requests[sequence - 1]
                    if code and code not in request.ignore and failed is None:
                        failed = NetlinkFailed(request.what, code)
                at += length + (-length % 4)
        if failed is not None:
            raise failed
