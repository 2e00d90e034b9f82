"""Changing ports' elements of the firewall's sets and maps in one transaction, packed by hand.

libnftables would first read all tables and sets of the machine, which takes milliseconds, and ever more of them. The
sets are those of engine.network.ruleset; fields of a key or of data are padded to four bytes, as nft does.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from engine.network import nfnetlink
from engine.network.addresses import packed
from engine.network.nf_transaction import (
    DELSETELEM,
    NEWSETELEM,
    NFPROTO_INET,
    NLM_F_CREATE,
    Change,
    commit,
    nested,
    text,
)
from engine.network.nfnetlink import attribute
from engine.network.nftables import FirewallFailed
from engine.network.ruleset import DIRECT, PublishedPort, set_of

LIST_TABLE, LIST_SET, LIST_ELEMENTS, LIST_ELEM = 1, 2, 3, 1
ELEM_KEY, ELEM_DATA, DATA_VALUE = 1, 2, 1
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": 132}


def change(table: str, gone: Sequence[PublishedPort], new: Sequence[PublishedPort]) -> None:
    """Take elements away and put others in, all or none. Raises FirewallFailed."""
    changes = [Change(DELSETELEM, NFPROTO_INET, _content(table, port, with_data=False)) for port in gone]
    changes += [Change(NEWSETELEM, NFPROTO_INET, _content(table, port, with_data=True), NLM_F_CREATE) for port in new]
    if not changes:
        return
    what = f"{len(gone)} elements of {table} fewer, {len(new)} more"
    try:
        with nfnetlink.turn() as kernel:
            commit(kernel, changes, what)
    except OSError as error:  # more than the socket takes
        raise FirewallFailed(what, str(error)) from error


def _content(table: str, port: PublishedPort, *, with_data: bool) -> bytes:
    direct = port.host_ip.startswith(DIRECT)
    name = set_of(port)
    own = bytes([PROTOCOLS[port.protocol], 0, 0, 0]) + _padded(port.host_port)
    if direct:
        own = packed(port.container_ip) + own
    elif name.startswith("one"):
        own = packed(port.host_ip) + own
    element = nested(ELEM_KEY, attribute(DATA_VALUE, own))
    if with_data and not direct:
        target = packed(port.container_ip) + _padded(port.container_port)
        element += nested(ELEM_DATA, attribute(DATA_VALUE, target))
    return text(LIST_TABLE, table) + text(LIST_SET, name) + nested(LIST_ELEMENTS, nested(LIST_ELEM, element))


def _padded(port: int) -> bytes:
    return port.to_bytes(2, "big") + b"\0\0"
