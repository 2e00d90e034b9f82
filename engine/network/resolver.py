"""127.0.0.11 inside a container: the sockets at which its questions arrive, and what leads them there.

The sockets have ports of their own, because port 53 is the container's to use, also on all its addresses. A small
firewall table of the container's own namespace leads questions on:

    table ip skiff_resolver {
        chain output {
            type nat hook output priority -100; policy accept;
            ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:PORT
            ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:PORT
        }
    }

It is packed by hand, which takes a tenth of a millisecond. Called in a thread that is inside.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from engine.network import nfnetlink
from engine.network.nf_transaction import (
    DELTABLE,
    NEWCHAIN,
    NEWRULE,
    NEWTABLE,
    NFPROTO_IPV4,
    NLM_F_APPEND,
    NLM_F_CREATE,
    Change,
    commit,
    nested,
    number,
    text,
)
from engine.network.nfnetlink import attribute

ADDRESS = "127.0.0.11"
TABLE, CHAIN = "skiff_resolver", "output"
BACKLOG = 64
DOMAIN = 53

# linux/netfilter/nf_tables.h
TABLE_NAME, CHAIN_TABLE, CHAIN_NAME, CHAIN_HOOK, CHAIN_POLICY, CHAIN_TYPE = 1, 1, 3, 4, 5, 7
HOOK_NUMBER, HOOK_PRIORITY, LOCAL_OUT, PRIORITY, ACCEPT = 1, 2, 3, -100, 1
RULE_TABLE, RULE_CHAIN, RULE_EXPRESSIONS, LIST_ELEM, EXPR_NAME, EXPR_DATA, DATA_VALUE = 1, 2, 4, 1, 1, 2, 1
PAYLOAD_REGISTER, PAYLOAD_BASE, PAYLOAD_OFFSET, PAYLOAD_LENGTH, NETWORK_HEADER, TRANSPORT_HEADER = 1, 2, 3, 4, 1, 2
CMP_REGISTER, CMP_OPERATION, CMP_DATA, EQUAL = 1, 2, 3, 0
META_REGISTER, META_KEY, L4PROTO = 1, 2, 16
IMMEDIATE_REGISTER, IMMEDIATE_DATA = 1, 2
NAT_TYPE, NAT_FAMILY, NAT_ADDRESS, NAT_PORT, DNAT = 1, 2, 3, 5, 1
DESTINATION, DESTINATION_PORT = (NETWORK_HEADER, 16, 4), (TRANSPORT_HEADER, 2, 2)  # header, offset, length


def open_sockets(*, fresh: bool = False) -> list[int]:
    """Return descriptors of sockets for questions by UDP, by TCP, and of one to ask others with; lead questions there.

    fresh: nothing leads them anywhere yet. Raises FirewallFailed and OSError.
    """
    made: list[socket.socket] = []
    try:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_DGRAM):
            made.append(socket.socket(socket.AF_INET, kind))
        for each in made[:2]:
            each.bind((ADDRESS, 0))
        made[1].listen(BACKLOG)
        _lead(made[0].getsockname()[1], made[1].getsockname()[1], fresh=fresh)
    except BaseException:
        for each in made:
            each.close()
        raise
    return [each.detach() for each in made]


def lead_to(sockets: Sequence[int]) -> None:
    """Lead questions to sockets of open_sockets again, wherever others have led them meanwhile."""
    ports = []
    for each in sockets[:2]:
        with socket.socket(fileno=os.dup(each)) as one:
            ports.append(one.getsockname()[1])
    _lead(*ports, fresh=False)


def _lead(udp_port: int, tcp_port: int, *, fresh: bool) -> None:
    kernel = nfnetlink.own_socket()
    try:
        commit(kernel, changes(udp_port, tcp_port, fresh=fresh), f"the table {TABLE}")
    finally:
        if fresh:
            kernel.close()
        else:
            nfnetlink.let_go(kernel)


def changes(udp_port: int, tcp_port: int, *, fresh: bool) -> list[Change]:
    """Return what leads questions to two ports, whatever they did before unless nothing is there yet."""
    table = Change(NEWTABLE, NFPROTO_IPV4, text(TABLE_NAME, TABLE), NLM_F_CREATE)
    anew = [] if fresh else [table, Change(DELTABLE, NFPROTO_IPV4, text(TABLE_NAME, TABLE))]
    hook = number(HOOK_NUMBER, LOCAL_OUT) + number(HOOK_PRIORITY, PRIORITY)
    chain = text(CHAIN_TABLE, TABLE) + text(CHAIN_NAME, CHAIN) + nested(CHAIN_HOOK, hook)
    chain += number(CHAIN_POLICY, ACCEPT) + text(CHAIN_TYPE, "nat")
    return [
        *anew,
        table,
        Change(NEWCHAIN, NFPROTO_IPV4, chain, NLM_F_CREATE),
        _rule(socket.IPPROTO_UDP, udp_port),
        _rule(socket.IPPROTO_TCP, tcp_port),
    ]


def _rule(protocol: int, port: int) -> Change:
    address = socket.inet_aton(ADDRESS)
    expressions = [
        *_is(*DESTINATION, address),
        _expression("meta", number(META_KEY, L4PROTO) + number(META_REGISTER, 1)),
        _equal(bytes([protocol])),
        *_is(*DESTINATION_PORT, DOMAIN.to_bytes(2, "big")),
        _immediate(1, address),
        _immediate(2, port.to_bytes(2, "big")),
        _expression(
            "nat",
            number(NAT_TYPE, DNAT) + number(NAT_FAMILY, NFPROTO_IPV4) + number(NAT_ADDRESS, 1) + number(NAT_PORT, 2),
        ),
    ]
    content = text(RULE_TABLE, TABLE) + text(RULE_CHAIN, CHAIN) + nested(RULE_EXPRESSIONS, b"".join(expressions))
    return Change(NEWRULE, NFPROTO_IPV4, content, NLM_F_CREATE | NLM_F_APPEND)


def _is(header: int, offset: int, length: int, value: bytes) -> tuple[bytes, bytes]:
    """Return the expressions for: a packet's bytes there are these."""
    place = number(PAYLOAD_REGISTER, 1) + number(PAYLOAD_BASE, header)
    place += number(PAYLOAD_OFFSET, offset) + number(PAYLOAD_LENGTH, length)
    return _expression("payload", place), _equal(value)


def _equal(value: bytes) -> bytes:
    data = nested(CMP_DATA, attribute(DATA_VALUE, value))
    return _expression("cmp", number(CMP_REGISTER, 1) + number(CMP_OPERATION, EQUAL) + data)


def _immediate(register: int, value: bytes) -> bytes:
    data = nested(IMMEDIATE_DATA, attribute(DATA_VALUE, value))
    return _expression("immediate", number(IMMEDIATE_REGISTER, register) + data)


def _expression(name: str, data: bytes) -> bytes:
    return nested(LIST_ELEM, text(EXPR_NAME, name) + nested(EXPR_DATA, data))
