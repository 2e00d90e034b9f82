"""Which addresses are free: subnets for networks, addresses for containers. Pure; addresses are IPv4 texts."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Iterator

from engine.errors import EngineError, Forbidden, InvalidParameter

# dockerd's default pools: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 and its siblings.
POOLS = (*((f"172.{number}.0.0", 16) for number in range(17, 32)), *((f"192.168.{n}.0", 20) for n in range(0, 256, 16)))


class NoFreeSubnet(InvalidParameter):
    """Every subnet of the default pools overlaps with another network or route; in dockerd's words."""

    def __init__(self) -> None:
        super().__init__("all predefined address pools have been fully subnetted")


class NoFreeAddress(EngineError):
    """Every address of a network is given away; in dockerd's words."""

    def __init__(self, network: str, network_id: str) -> None:
        super().__init__(
            "failed to set up container networking: no available IPv4 addresses on this network's address pools: "
            f"{network} ({network_id})"
        )
        self.network = network
        self.network_id = network_id


class AddressTaken(Forbidden):
    """An address that a container asks for is another's, or nobody's to have; in dockerd's words."""

    def __init__(self, address: str) -> None:
        super().__init__("Address already in use")
        self.address = address


def free_subnet(taken: Iterable[str]) -> str:
    """Return the first subnet of the pools that overlaps with none of those taken. Raises NoFreeSubnet."""
    used = [subnet for subnet in taken if ":" not in subnet]
    for address, prefix in POOLS:
        candidate = f"{address}/{prefix}"
        if not overlaps(candidate, used):
            return candidate
    raise NoFreeSubnet


def overlaps(subnet: str, taken: Iterable[str]) -> bool:
    """Tell whether a subnet has an address in common with one of those taken."""
    first, last = _ends(subnet)
    return any(first <= other[1] and other[0] <= last for other in map(_ends, taken))


def ends(subnet: str) -> tuple[str, ...]:
    """Return the addresses of a subnet that nobody can have: first and last, none of one with two or a single one."""
    first, last = _ends(subnet)
    return (_text(first), _text(last)) if last - first > 1 else ()


def masked(address: str, length: int) -> str:
    """Return the subnet with a prefix of that length that an address is in."""
    return f"{_text(_ends(f'{address}/{length}')[0])}/{length}"


def gateway(subnet: str, ip_range: str = "") -> str:
    """Return the first address of a subnet, or of the part of it that addresses are to be from."""
    return next(_addresses(subnet, ip_range))


def free_address(subnet: str, taken: Collection[str], ip_range: str = "") -> str | None:
    """Return the lowest address that is not taken, the subnet's own ends apart; None when there is none.

    With ip_range it is one of that part of the subnet.
    """
    return next((address for address in _addresses(subnet, ip_range) if address not in taken), None)


def mac_address(address: str) -> bytes:
    """Return a MAC address made from an IPv4 address, locally administered.

    Neighbours that knew the address's former owner thus need not learn anything new.
    """
    return b"\x02\x42" + socket.inet_aton(address)


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


def _addresses(subnet: str, ip_range: str = "") -> Iterator[str]:
    reserved = ends(subnet)
    first, last = _ends(ip_range or subnet)
    return (address for address in map(_text, range(first, last + 1)) if address not in reserved)


def _ends(subnet: str) -> tuple[int, int]:
    address, _, prefix = subnet.partition("/")
    hosts = (1 << (32 - int(prefix))) - 1
    number = int.from_bytes(socket.inet_aton(address), "big")
    return number & ~hosts, number | hosts


def _text(number: int) -> str:
    return socket.inet_ntoa(number.to_bytes(4, "big"))
