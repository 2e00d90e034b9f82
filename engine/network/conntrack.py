"""Forgetting connections without end, those of UDP, when where they lead to changes.

The kernel asks the firewall about a connection's first packet only. A client that goes on sending to a published UDP
port would reach a container that is no more, or nobody although one is there now. Speaks ctnetlink
(linux/netfilter/nfnetlink_conntrack.h).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Collection, Iterator

from engine.errors import EngineError
from engine.network import nfnetlink
from engine.network.nfnetlink import Attributes

CT_NEW, CT_GET, CT_DELETE = 1 << 8, 1 << 8 | 1, 1 << 8 | 2
TUPLE_ORIG, TUPLE_REPLY, TUPLE_IP, TUPLE_PROTO = 1, 2, 1, 2
IP_V4_SRC, PROTO_NUM, PROTO_DST_PORT = 1, 1, 3


class ConntrackFailed(EngineError):
    """The kernel refused to list or to forget connections."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"cannot {what} connections: {os.strerror(code)}")
        self.code = code


def forget_udp(*, container_ip: str = "", host_ports: Collection[int] = ()) -> int:
    """Forget the UDP connections that lead to a container's address or came for a port; returns how many.

    Raises ConntrackFailed.
    """
    address = socket.inet_aton(container_ip) if container_ip else None
    with nfnetlink.turn() as kernel:
        doomed = [
            entry[TUPLE_ORIG]
            for entry in _entries(kernel)
            if _protocol(entry) == socket.IPPROTO_UDP
            and (_answerer(entry) == address or (host_ports and _port(entry) in host_ports))
        ]
        for original in doomed:
            wanted = nfnetlink.attribute(nfnetlink.NESTED | TUPLE_ORIG, original)
            kernel.send(nfnetlink.message(CT_DELETE, nfnetlink.NLM_F_ACK, socket.AF_INET, wanted))
            for _, content in nfnetlink.answers(kernel.recv(nfnetlink.RECEIVE)):
                _check(content, "forget", ignore=errno.ENOENT)  # it has ended by itself
    return len(doomed)


def _entries(kernel: socket.socket) -> Iterator[Attributes]:
    kernel.send(nfnetlink.message(CT_GET, nfnetlink.NLM_F_DUMP, socket.AF_INET))
    while True:
        for kind, content in nfnetlink.answers(kernel.recv(nfnetlink.RECEIVE)):
            if kind == nfnetlink.NLMSG_DONE:
                return
            if kind == nfnetlink.NLMSG_ERROR:
                _check(content, "list")
            elif kind == CT_NEW:
                yield nfnetlink.attributes(content)


def _check(content: bytes, what: str, ignore: int = 0) -> None:
    code = nfnetlink.error_number(content)
    if code and code != ignore:
        raise ConntrackFailed(what, code)


def _protocol(entry: Attributes) -> int:
    return _part(entry, TUPLE_ORIG, TUPLE_PROTO)[PROTO_NUM][0]


def _port(entry: Attributes) -> int:
    return int.from_bytes(_part(entry, TUPLE_ORIG, TUPLE_PROTO)[PROTO_DST_PORT], "big")


def _answerer(entry: Attributes) -> bytes | None:
    return _part(entry, TUPLE_REPLY, TUPLE_IP).get(IP_V4_SRC)


def _part(entry: Attributes, direction: int, part: int) -> Attributes:
    return nfnetlink.attributes(nfnetlink.attributes(entry[direction])[part])
