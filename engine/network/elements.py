"""Changing ports' elements of the firewall's sets and maps in one transaction, packed by hand.

libnftables would first read all tables and sets of the machine, which takes milliseconds, and ever more of them. The
sets are those of engine.network.ruleset (linux/netfilter/nf_tables.h; fields of a key or of data are padded to four
bytes, as nft does).
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from engine.network import nfnetlink
from engine.network.addresses import packed
from engine.network.nfnetlink import NLM_F_ACK, NLMSG_ERROR, attribute
from engine.network.nftables import FirewallFailed
from engine.network.ruleset import DIRECT, PublishedPort, set_of

SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
BATCH_BEGIN, BATCH_END = 0x10, 0x11
NEWSETELEM, DELSETELEM = SUBSYSTEM << 8 | 12, SUBSYSTEM << 8 | 14
LIST_TABLE, LIST_SET, LIST_ELEMENTS, LIST_ELEM = 1, 2, 3, 1
ELEM_KEY, ELEM_DATA, DATA_VALUE = 1, 2, 1
NLM_F_CREATE = 0x400
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": 132}
NFPROTO_INET = 1


def change(table: str, gone: Sequence[PublishedPort], new: Sequence[PublishedPort]) -> None:
    """Take elements away and put others in, all or none. Raises FirewallFailed."""
    wanted = [(DELSETELEM, 0, port) for port in gone] + [(NEWSETELEM, NLM_F_CREATE, port) for port in new]
    if not wanted:
        return
    messages = [nfnetlink.message(BATCH_BEGIN, 0, resource=SUBSYSTEM, sequence=0)]
    for number, (kind, flags, port) in enumerate(wanted, 1):
        last = NLM_F_ACK if number == len(wanted) else 0  # errors are told of in any case
        content = _content(table, port, with_data=kind == NEWSETELEM)
        messages.append(nfnetlink.message(kind, flags | last, NFPROTO_INET, content, sequence=number))
    messages.append(nfnetlink.message(BATCH_END, 0, resource=SUBSYSTEM, sequence=len(wanted) + 1))
    what = f"{len(gone)} elements of {table} fewer, {len(new)} more"
    try:
        with nfnetlink.turn() as kernel:
            kernel.send(b"".join(messages))
            _wait(kernel, len(wanted), what)
    except OSError as error:  # more than the socket takes
        raise FirewallFailed(what, str(error)) from error


def _wait(kernel: socket.socket, last: int, what: str) -> None:
    """Read until the last element, or the transaction, has its answer. Raises FirewallFailed for the first error."""
    failed = 0
    while True:
        for kind, content in nfnetlink.answers(kernel.recv(nfnetlink.RECEIVE)):
            if kind != NLMSG_ERROR:
                continue
            failed = failed or nfnetlink.error_number(content)
            if nfnetlink.error_sequence(content) not in (0, last):
                continue
            if failed:
                raise FirewallFailed(what, f"error {failed}")
            return


def _content(table: str, port: PublishedPort, *, with_data: bool) -> bytes:
    direct = port.host_ip.startswith(DIRECT)
    name = set_of(port)
    own = bytes([PROTOCOLS[port.protocol], 0, 0, 0]) + _padded(port.host_port)
    if direct:
        own = packed(port.container_ip) + own
    elif name.startswith("one"):
        own = packed(port.host_ip) + own
    element = _nested(ELEM_KEY, attribute(DATA_VALUE, own))
    if with_data and not direct:
        target = packed(port.container_ip) + _padded(port.container_port)
        element += _nested(ELEM_DATA, attribute(DATA_VALUE, target))
    found = attribute(LIST_TABLE, table.encode() + b"\0") + attribute(LIST_SET, name.encode() + b"\0")
    return found + _nested(LIST_ELEMENTS, _nested(LIST_ELEM, element))


def _padded(port: int) -> bytes:
    return port.to_bytes(2, "big") + b"\0\0"


def _nested(kind: int, content: bytes) -> bytes:
    return attribute(kind | nfnetlink.NESTED, content)
