"""Which addresses are free: subnets for networks, addresses for containers. Pure; addresses are IPv4 texts."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Iterable, Iterator

from engine.errors import Conflict

# dockerd's default pools: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 and its siblings.
POOLS = (*((f"172.{number}.0.0", 16) for number in range(17, 32)), *((f"192.168.{n}.0", 20) for n in range(0, 256, 16)))


class NoFreeSubnet(Conflict):
    """Every subnet of the default pools overlaps with a route of this machine or another network."""

    def __init__(self) -> None:
        super().__init__("no free subnet is left in the default address pools")


class NoFreeAddress(Conflict):
    """Every address of a network is given away."""

    def __init__(self, subnet: str) -> None:
        super().__init__(f"no free address is left in {subnet}")
        self.subnet = subnet


def free_subnet(taken: Iterable[str]) -> str:
    """Return the first subnet of the pools that overlaps with none of those taken. Raises NoFreeSubnet."""
    used = [ipaddress.ip_network(subnet, strict=False) for subnet in taken]
    for address, prefix in POOLS:
        candidate = ipaddress.ip_network(f"{address}/{prefix}")
        if not any(candidate.overlaps(other) for other in used if other.version == 4):
            return str(candidate)
    raise NoFreeSubnet


def gateway(subnet: str) -> str:
    """Return a subnet's first address."""
    return _text(_first(subnet) + 1)


def prefix_length(subnet: str) -> int:
    """Return the length of a subnet's prefix."""
    return int(subnet.partition("/")[2])


def free_address(subnet: str, taken: Collection[str]) -> str:
    """Return the lowest address that is not taken, the network's own ends apart. Raises NoFreeAddress."""
    for address in _addresses(subnet):
        if address not in taken:
            return address
    raise NoFreeAddress(subnet)


def mac_address(address: str) -> bytes:
    """Return a MAC address made from an IPv4 address, locally administered.

    Neighbours that knew the address's former owner thus need not learn anything new.
    """
    return b"\x02\x42" + socket.inet_aton(address)


def mac_text(mac: bytes) -> str:
    """Return a MAC address in its usual form."""
    return mac.hex(":")


def routed_subnets(table: str) -> list[str]:
    """Return the subnets that /proc/net/route, whose text is given, has routes to, but for the default one."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[7] == "00000000":
            continue
        destination = socket.inet_ntoa(int(fields[1], 16).to_bytes(4, "little"))
        found.append(f"{destination}/{int(fields[7], 16).bit_count()}")
    return found


def _addresses(subnet: str) -> Iterator[str]:
    first = _first(subnet)
    last = first + 2 ** (32 - prefix_length(subnet)) - 1
    for number in range(first + 1, last):
        yield _text(number)


def _first(subnet: str) -> int:
    return int.from_bytes(socket.inet_aton(subnet.partition("/")[0]), "big")


def _text(number: int) -> str:
    return socket.inet_ntoa(number.to_bytes(4, "big"))
