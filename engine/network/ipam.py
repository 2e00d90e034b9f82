"""Which addresses, of either kind, are free: subnets for networks, addresses for containers. Pure; all are texts."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Iterator

from engine.errors import EngineError, Forbidden, InvalidParameter
from engine.network.addresses import packed, unpacked
from engine.sha256 import sha256

# dockerd's default pools: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 and its siblings.
POOLS = (*((f"172.{number}.0.0", 16) for number in range(17, 32)), *((f"192.168.{n}.0", 20) for n in range(0, 256, 16)))


def global_pools() -> Iterator[tuple[str, int]]:
    """Give the subnets for networks of the scope "global", as dockerd does: 10.0.0.0/8 by 256 addresses."""
    return ((f"10.{number >> 8}.{number & 255}.0", 24) for number in range(1 << 16))


class NoFreeSubnet(InvalidParameter):
    """Every subnet of the default pools overlaps with another network or route; in dockerd's words."""

    def __init__(self) -> None:
        super().__init__("all predefined address pools have been fully subnetted")


class NoFreeAddress(EngineError):
    """Every address of a network is given away; in dockerd's words."""

    def __init__(self, network: str, network_id: str, family: str = "IPv4") -> None:
        super().__init__(
            f"failed to set up container networking: no available {family} addresses on this network's address pools: "
            f"{network} ({network_id})"
        )
        self.network = network
        self.network_id = network_id


class AddressTaken(Forbidden):
    """An address that a container asks for is another's, or nobody's to have; in dockerd's words."""

    def __init__(self, address: str) -> None:
        super().__init__("Address already in use")
        self.address = address


def free_subnet(taken: Iterable[str], pools: Iterable[tuple[str, int]] = POOLS) -> str:
    """Return the first subnet of the pools that overlaps with none of those taken. Raises NoFreeSubnet."""
    used = list(taken)
    for address, prefix in pools:
        candidate = f"{address}/{prefix}"
        if not overlaps(candidate, used):
            return candidate
    raise NoFreeSubnet


def free_subnet6(pool: str, taken: Iterable[str]) -> str:
    """Return the first /64 of a pool of IPv6 addresses that overlaps with none of those taken. Raises NoFreeSubnet."""
    used = list(taken)
    first, last = _ends(pool)
    for number in range(first, last + 1, 1 << 64):
        candidate = f"{_text(number, 128)}/64"
        if not overlaps(candidate, used):
            return candidate
    raise NoFreeSubnet


def local_pool6(seed: bytes) -> str:
    """Return 65,536 subnets of IPv6 addresses of this machine's own, as RFC 4193 has them made from a seed."""
    own = int.from_bytes(sha256(seed).digest()[:5], "big")
    return f"{_text((0xFD << 40 | own) << 80, 128)}/48"


def overlaps(subnet: str, taken: Iterable[str]) -> bool:
    """Tell whether a subnet has an address in common with one of those taken."""
    first, last = _ends(subnet)
    same = (_ends(other) for other in taken if (":" in other) == (":" in subnet))
    return any(first <= other[1] and other[0] <= last for other in same)


def ends(subnet: str) -> tuple[str, ...]:
    """Return the addresses of a subnet that nobody can have.

    Of IPv4 first and last, none of a subnet with two or a single one; of IPv6 the first.
    """
    first, last = _ends(subnet)
    if ":" in subnet:
        return (_text(first, 128),)
    return (_text(first, 32), _text(last, 32)) if last - first > 1 else ()


def masked(address: str, length: int) -> str:
    """Return the subnet with a prefix of that length that an address is in."""
    return f"{_text(_ends(f'{address}/{length}')[0], _bits(address))}/{length}"


def gateway(subnet: str, ip_range: str = "") -> str:
    """Return the first address of a subnet, or of the part of it that addresses are to be from."""
    return next(_addresses(subnet, ip_range))


def free_address(subnet: str, taken: Collection[str], ip_range: str = "") -> str | None:
    """Return the lowest address that is not taken, the subnet's own ends apart; None when there is none.

    With ip_range it is one of that part of the subnet.
    """
    return next((address for address in _addresses(subnet, ip_range) if address not in taken), None)


def mac_address(address: str) -> bytes:
    """Return a MAC address made from an address, of an IPv6 one from its end, locally administered.

    Neighbours that knew the address's former owner thus need not learn anything new.
    """
    return b"\x02\x42" + packed(address)[-4:]


def routed_subnets6(table: str) -> list[str]:
    """Return the subnets that /proc/net/ipv6_route, whose text is given, leads to, but for default and multicast."""
    found = set()
    for line in table.splitlines():
        destination, length = line.split()[:2]
        if int(length, 16) and not destination.startswith(("fe8", "ff")):
            found.add(f"{unpacked(bytes.fromhex(destination))}/{int(length, 16)}")
    return sorted(found)


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
    found = (_text(number, _bits(subnet)) for number in range(first, last + 1))
    return (address for address in found if address not in reserved)


def _ends(subnet: str) -> tuple[int, int]:
    address, _, prefix = subnet.partition("/")
    hosts = (1 << (_bits(address) - int(prefix))) - 1
    number = int.from_bytes(packed(address), "big")
    return number & ~hosts, number | hosts


def _bits(text: str) -> int:
    return 128 if ":" in text else 32


def _text(number: int, bits: int) -> str:
    return unpacked(number.to_bytes(bits // 8, "big"))
