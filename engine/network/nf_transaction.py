"""One transaction of nftables, packed by hand: all of its changes come true or none (linux/netfilter/nf_tables.h).

For the few changes that are made at every start; engine.network.nftables makes the others from text.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from engine.lean_dataclasses import dataclass
from engine.network import nfnetlink
from engine.network.nfnetlink import NLM_F_ACK, NLMSG_ERROR, attribute
from engine.network.nftables import FirewallFailed

SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
BATCH_BEGIN, BATCH_END = 0x10, 0x11
NEWTABLE, DELTABLE, NEWCHAIN, NEWRULE = 0, 2, 3, 6
NEWSETELEM, DELSETELEM = 12, 14
NLM_F_CREATE, NLM_F_APPEND = 0x400, 0x800
NFPROTO_INET, NFPROTO_IPV4 = 1, 2


@dataclass(frozen=True, slots=True)
class Change:
    """One message: its kind, what it is called in NFPROTO_*, its attributes."""

    kind: int
    family: int
    content: bytes
    flags: int = 0


def commit(kernel: socket.socket, changes: Sequence[Change], what: str) -> None:
    """Carry out changes; what names them in errors. Raises FirewallFailed, and OSError when they are too many."""
    messages = [nfnetlink.message(BATCH_BEGIN, 0, resource=SUBSYSTEM, sequence=0)]
    for number, each in enumerate(changes, 1):
        flags = each.flags | (NLM_F_ACK if number == len(changes) else 0)  # errors are told of in any case
        kind = SUBSYSTEM << 8 | each.kind
        messages.append(nfnetlink.message(kind, flags, each.family, each.content, sequence=number))
    messages.append(nfnetlink.message(BATCH_END, 0, resource=SUBSYSTEM, sequence=len(changes) + 1))
    kernel.send(b"".join(messages))
    _wait(kernel, len(changes), what)


def _wait(kernel: socket.socket, last: int, what: str) -> None:
    """Read until the last change, or the transaction, has its answer. Raises FirewallFailed for the first error."""
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


def text(kind: int, value: str) -> bytes:
    """Pack a name."""
    return attribute(kind, value.encode() + b"\0")


def nested(kind: int, content: bytes) -> bytes:
    """Pack attributes into one."""
    return attribute(kind | nfnetlink.NESTED, content)


def number(kind: int, value: int) -> bytes:
    """Pack a number of 32 bits, as nftables has all of its own."""
    return attribute(kind, (value & 0xFFFFFFFF).to_bytes(4, "big"))
