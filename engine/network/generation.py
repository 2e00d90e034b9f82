"""Whether anybody changed the firewall since we last left it as it should be.

The kernel counts the transactions of a network namespace's nftables. After a change of ours that nobody else's came
between, the count is kept in Settings.run_root/firewall; while it stands, our table is as we made it and needs no
look. Written and read under the network lock only.
"""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path

from engine.network import nfnetlink

NFT_MSG_NEWGEN, NFT_MSG_GETGEN = 10 << 8 | 15, 10 << 8 | 16
NFTA_GEN_ID = 1
WIDTH = 80  # of the file's line, which is overwritten in place: a file made anew each time would be most of the work


def current() -> int | None:
    """Return the kernel's count; None when it has no nftables."""
    with nfnetlink.turn() as kernel:
        return _count(kernel)


def inside() -> int | None:
    """Return the count of the network namespace that the calling thread is in."""
    kernel = nfnetlink.own_socket()
    try:
        return _count(kernel)
    finally:
        nfnetlink.let_go(kernel)


def _count(kernel: socket.socket) -> int | None:
    kernel.send(nfnetlink.message(NFT_MSG_GETGEN, 0))
    for kind, content in nfnetlink.answers(kernel.recv(nfnetlink.RECEIVE)):
        if kind == NFT_MSG_NEWGEN:
            return int.from_bytes(nfnetlink.attributes(content)[NFTA_GEN_ID], "big")
    return None


def follows(before: int | None, after: int | None) -> bool:
    """Tell whether exactly one transaction lies between two counts."""
    return before is not None and after is not None and after == (before + 1) & 0xFFFFFFFF


class Kept:
    """The count under which our table was last known to be right."""

    def __init__(self, run_root: Path) -> None:
        self._path = run_root / "firewall"

    def matches(self, count: int | None) -> bool:
        """Tell whether nothing has changed since keep."""
        if count is None:
            return False
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return os.read(fd, 2 * WIDTH) == _line(count)
        finally:
            os.close(fd)

    def keep(self, count: int) -> None:
        """Note that the table is right under this count; a file cut off matches nothing."""
        self._write(_line(count))

    def drop(self) -> None:
        """Note that the table has to be looked after."""
        self._write(b"\n".rjust(WIDTH))

    def _write(self, line: bytes) -> None:
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.pwrite(fd, line, 0)
        finally:
            os.close(fd)


def _line(count: int) -> bytes:
    """Return a count with what it is valid for: this boot, this network namespace."""
    return f"{_boot()} {os.stat('/proc/thread-self/ns/net').st_ino} {count}".encode().ljust(WIDTH - 1) + b"\n"


@functools.cache
def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
