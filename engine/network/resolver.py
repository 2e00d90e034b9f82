"""127.0.0.11 inside a container: the sockets at which its questions arrive, and what leads them there.

The sockets have ports of their own, because port 53 is the container's to use, also on all its addresses. A small
firewall table of the container's own namespace leads questions on. Called in a thread that is inside.
"""

from __future__ import annotations

import socket

from engine.network import nftables

ADDRESS = "127.0.0.11"
TABLE = "skiff_resolver"
BACKLOG = 64


def rules(udp_port: int, tcp_port: int) -> str:
    """Return commands that lead questions to two ports, whatever they did before."""
    return f"""add table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
    chain output {{
        type nat hook output priority -100; policy accept;
        ip daddr {ADDRESS} udp dport 53 dnat to {ADDRESS}:{udp_port}
        ip daddr {ADDRESS} tcp dport 53 dnat to {ADDRESS}:{tcp_port}
    }}
}}"""


def open_sockets() -> list[int]:
    """Return descriptors of sockets for questions by UDP, by TCP, and of one to ask others with; lead questions there.

    Raises FirewallFailed, FirewallMissing and OSError.
    """
    made: list[socket.socket] = []
    try:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_DGRAM):
            made.append(socket.socket(socket.AF_INET, kind))
        for each in made[:2]:
            each.bind((ADDRESS, 0))
        made[1].listen(BACKLOG)
        nftables.run_here(rules(made[0].getsockname()[1], made[1].getsockname()[1]))
    except BaseException:
        for each in made:
            each.close()
        raise
    return [each.detach() for each in made]
