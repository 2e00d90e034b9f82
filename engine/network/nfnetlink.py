"""The socket to the kernel's packet filter and connection tracking, for what libnftables does not do.

It stays open for the process's life: closing any such socket waits, for 10 ms and more, until the kernel has freed
what was last deleted from the firewall. Threads take turns.
"""

from __future__ import annotations

import _thread
import functools
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NETLINK_NETFILTER = 12
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
NESTED, TYPE_MASK = 0x8000, 0x3FFF
RECEIVE = 1 << 16  # the kernel puts no more into one answer; what is larger is mapped and unmapped each time

Attributes = dict[int, bytes]

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_FAMILY = struct.Struct("!BBH")  # struct nfgenmsg

_turn = threading.Lock()


@contextmanager
def turn() -> Iterator[socket.socket]:
    """Give the socket to the calling thread alone; whoever takes it reads every answer to what it sent, or raises."""
    with _turn:
        kernel = _open()
        try:
            yield kernel
        except BaseException:  # answers may be left in it
            _open.cache_clear()
            kernel.close()
            raise


def message(
    kind: int, flags: int, family: int = 0, attributes: bytes = b"", *, resource: int = 0, sequence: int = 1
) -> bytes:
    """Pack a request; kind is subsystem << 8 | message."""
    body = _FAMILY.pack(family, 0, resource) + attributes
    return _HEADER.pack(_HEADER.size + len(body), kind, NLM_F_REQUEST | flags, sequence, 0) + body


def answers(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split what was received into (kind, content without the two headers; of an error its number and request)."""
    at = 0
    while at < len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, at)
        head = _HEADER.size if kind in (NLMSG_ERROR, NLMSG_DONE) else _HEADER.size + _FAMILY.size
        yield kind, data[at + head : at + length]
        at += (length + 3) & ~3


def error_number(content: bytes) -> int:
    """Return the errno of an error answer, 0 for an acknowledgement."""
    return int(-struct.unpack_from("=i", content)[0])


def error_sequence(content: bytes) -> int:
    """Return the sequence number of the request that an error answer or an acknowledgement is for."""
    return int(_HEADER.unpack_from(content, 4)[3])


def attribute(kind: int, value: bytes) -> bytes:
    """Pack one attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + b"\0" * (-len(value) % 4)


def attributes(data: bytes) -> Attributes:
    """Return attributes by their type."""
    found, at = {}, 0
    while at + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        found[kind & TYPE_MASK] = data[at + _ATTRIBUTE.size : at + size]
        at += (size + 3) & ~3
    return found


def own_socket() -> socket.socket:
    """Open a socket of the network namespace that the calling thread is in; it is the caller's."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    made.bind((0, 0))
    return made


def let_go(kernel: socket.socket) -> None:
    """Close a socket in a thread that nobody waits for: it takes until the kernel has forgotten what was deleted.

    That is 15 ms, also for who deleted nothing.
    """
    _thread.start_new_thread(kernel.close, ())


@functools.cache
def _open() -> socket.socket:
    return own_socket()
