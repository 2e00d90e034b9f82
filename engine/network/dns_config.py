"""What aardvark-dns reads, and how it is asked whether it has read it. Pure.

A file per network, named after the network's id. Its first line is the gateway's address, on which the server listens;
each other line is a container: id, IPv4 addresses, IPv6 addresses, names and, where it has its own, name servers, with
a space between. A last line, for the gateway, has a name made from the rest: who gets an answer for it knows that the
server has read this very text.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

RECORD_A, CLASS_IN = 1, 1
RECURSION_DESIRED = 0x0100
RESPONSE = 0x8000


@dataclass(frozen=True, slots=True)
class Entry:
    """A container in a network: its address, its names, and the name servers that it asked for."""

    container_id: str
    address: str
    names: Sequence[str]
    servers: Sequence[str] = ()


def text(network: str, gateway: str, entries: Iterable[Entry]) -> tuple[str, str]:
    """Return the file of a network with that name, and the name that it makes known."""
    lines = [gateway]
    for entry in entries:
        fields = [entry.container_id, entry.address, "", ",".join(_all_names(network, entry.names))]
        lines.append(" ".join([*fields, ",".join(entry.servers)] if entry.servers else fields))
    mark = f"skiff-{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:16]}"
    return "\n".join([*lines, f"gateway {gateway}  {mark}", ""]), mark


def query(name: str) -> bytes:
    """Return the question for a name's IPv4 address."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 1, RECURSION_DESIRED, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)


def is_answer(packet: bytes) -> bool:
    """Tell whether a packet answers with at least one address."""
    if len(packet) < 12:
        return False
    _, flags, _, answers, _, _ = struct.unpack_from("!HHHHHH", packet)
    return bool(flags & RESPONSE) and answers > 0


def _all_names(network: str, names: Sequence[str]) -> list[str]:
    """Return the names under which a container is found, bare and with the network's behind.

    They are in lower case, in which the server looks for them. The first is the one that its address is given.
    """
    known = [name.lower() for name in names if _plain(name)]
    full = [f"{name}.{network.lower()}" for name in known] if _plain(network) else []
    return list(dict.fromkeys([*full[:1], *known, *full[1:]]))


def _plain(name: str) -> bool:
    return bool(name) and not any(character == "," or character.isspace() for character in name)
