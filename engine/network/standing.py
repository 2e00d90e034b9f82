"""Whether what the networks of running containers stand on is still as it was left: bridges, firewall, attendant.

The kernel tells of every change of its links and of its nftables, ours among them; only after one is there a look. So
asking costs microseconds, and a server can ask before each answer. Asked from one thread at a time.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from contextlib import suppress
from fcntl import ioctl
from typing import TYPE_CHECKING

from engine.locks import has_ended
from engine.network import generation
from engine.network.nfnetlink import NETLINK_NETFILTER

if TYPE_CHECKING:
    from engine.network import Networks

SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1  # linux/netlink.h
NFNLGRP_NFTABLES, RTNLGRP_LINK = 7, 1  # linux/netfilter/nfnetlink.h, linux/rtnetlink.h
SIOCGIFFLAGS, IFF_UP = 0x8913, 1  # netdevice(7)
KEPT = 4096  # bytes of news that the kernel keeps; when there are more, it says so


class Standing:
    """What tells of changes since it was last asked; made before what it watches is looked at and mended."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._news: list[socket.socket] = []
        self._told = select.poll()
        for protocol, group in ((NETLINK_NETFILTER, NFNLGRP_NFTABLES), (socket.NETLINK_ROUTE, RTNLGRP_LINK)):
            with suppress(OSError):  # a kernel without nftables, or a user who may not hear of them
                self._news.append(_news(protocol, group))
                self._told.register(self._news[-1], select.POLLIN)

    def is_disturbed(self) -> bool:
        """Tell whether something was changed or has ended that containers need."""
        told = self._told.poll(0)
        if told:
            for each in self._news:
                _drain(each)
        return is_attendant_gone(self._networks) or (bool(told) and is_changed(self._networks))


def is_changed(networks: Networks) -> bool:
    """Look whether a bridge is missing or off that a container is on, or the firewall is not as we left it."""
    rows = networks.database.rows(
        "SELECT definition ->> 'bridge' AS bridge FROM networks WHERE id IN (SELECT network_id FROM leases)"
    )
    if not rows:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        if not all(_is_up(asking, row["bridge"]) for row in rows if row["bridge"]):
            return True
    return not generation.Kept(networks.settings.run_root).matches(generation.current())


def _is_up(asking: socket.socket, interface: str) -> bool:
    request = struct.pack("16sH22x", interface.encode(), 0)  # struct ifreq
    try:
        flags: int = struct.unpack_from("H", ioctl(asking, SIOCGIFFLAGS, request), 16)[0]
    except OSError:
        return False
    return bool(flags & IFF_UP)


def is_attendant_gone(networks: Networks) -> bool:
    """Tell whether an attendant has been started and was killed; one that ends by itself leaves no file."""
    path = f"{networks.settings.run_root}/attendant.pid"
    if not os.access(path, os.F_OK):  # which costs less than an error
        return False
    try:
        with open(path, "rb", buffering=0) as file:
            pid = file.read().decode().strip()
    except FileNotFoundError:
        return False
    return bool(pid) and has_ended(pid)


def _news(protocol: int, group: int) -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KEPT)
        made.bind((0, 0))
        made.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    except OSError:
        made.close()
        raise
    return made


def _drain(news: socket.socket) -> None:
    """Read all news."""
    while True:
        try:
            news.recv(1)  # of each datagram, whose rest the kernel throws away
        except BlockingIOError:
            return
        except OSError:  # ENOBUFS: there were more than it keeps
            pass
