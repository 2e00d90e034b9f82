"""A line for every request: what was asked, how it was answered, and by whom, as the kernel tells it.

On a unix socket that is the process that connected (SO_PEERCRED) and the systemd unit it is in (/proc/PID/cgroup); on
TCP the address, and the name in the certificate. Queries are left out: they may hold secrets.
"""

from __future__ import annotations

import logging
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compat_api.connection import Connection
    from compat_api.lean_aiohttp import BaseRequest
    from compat_api.whole_request import WholeRequest

logger = logging.getLogger("skiff.audit")
_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid
_UNITS = (".service", ".scope", ".slice", ".socket")


class Audit:
    """Writes the lines, whatever the log's level is."""

    def __init__(self) -> None:
        logger.setLevel(logging.INFO)

    def write(self, connection: Connection, http: BaseRequest | WholeRequest, status: int) -> None:
        """Write the line of a request; status 0 is a client that left before there was an answer."""
        if connection.peer is None:
            connection.peer = connection.decrypted.peer if connection.decrypted is not None else peer_of(connection)
        how = "taken over" if connection.hijacked is not None else str(status or "left")
        path = http.path_qs.partition("?")[0]
        logger.info("Audit %s: %s %s: %s", connection.peer, http.method, _printable(path), how)


def peer_of(connection: Connection) -> str:
    """Return who is at the other end of a unix socket, "pid=... uid=... unit=..."."""
    transport = connection.transport
    sock = transport.get_extra_info("socket") if transport is not None else None
    if transport is None or sock is None:
        return "gone"
    if sock.family != socket.AF_UNIX:
        return "address={}:{}".format(*transport.get_extra_info("peername", ("-", "-"))[:2])
    pid, uid, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return f"pid={pid or '-'} uid={uid} unit={unit_of(_cgroup(pid)) or '-'}"


def _cgroup(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""  # it has ended, or is in a process namespace that we do not see


def unit_of(cgroup: str) -> str:
    """Return the innermost systemd unit that a /proc/PID/cgroup names, "" for none."""
    for line in cgroup.splitlines():
        hierarchy, _, path = line.partition("::") if line.startswith("0::") else line.partition(":name=systemd:")
        if not hierarchy or not path:
            continue
        for part in reversed(path.split("/")):
            if part.endswith(_UNITS):
                return _printable(part)
    return ""


def _printable(text: str) -> str:
    return text if text.isprintable() and text.isascii() else ascii(text)[1:-1]
