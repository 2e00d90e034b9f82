"""The addresses that a client wants for a network, checked as dockerd checks them and made definite. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from engine.errors import EngineError, Forbidden, InvalidParameter, NotImplementedHere
from engine.network import ipam
from engine.network.addresses import canonical, is_ipv6
from engine.network.record import Subnet


@dataclass(frozen=True, slots=True)
class PoolRequest:
    """A range of addresses as it is asked for; auxiliary: addresses by name that no container is to have."""

    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    auxiliary: dict[str, str] = field(default_factory=dict)


class InvalidNetworkConfig(InvalidParameter):
    """Addresses that a network cannot have; causes are in dockerd's words, as the whole is."""

    def __init__(self, causes: list[str]) -> None:
        listed = "\n".join(f"* {cause}" for cause in causes) if len(causes) > 1 else causes[0]
        super().__init__(f"invalid network config:\n{listed}")
        self.causes = causes


class SubnetTaken(Forbidden):
    """A subnet that has addresses in common with another network's; in dockerd's words."""

    def __init__(self, subnet: str) -> None:
        super().__init__("invalid pool request: Pool overlaps with other one on this address space")
        self.subnet = subnet


class SeveralSubnets(Forbidden):
    """More than one subnet, which a bridge does not have; in dockerd's words."""

    def __init__(self) -> None:
        super().__init__("bridge driver doesn't support multiple subnets")


class AddressReserved(EngineError):
    """An address asked for by name that is another one's, or one of the subnet's ends; in dockerd's words."""

    def __init__(self, purpose: str, address: str) -> None:
        super().__init__(f"failed to allocate {purpose} ({address}): Address already in use")
        self.address = address


class Ipv6Unsupported(NotImplementedHere):
    """A network is to have IPv6 addresses."""

    def __init__(self) -> None:
        super().__init__("IPv6 networks are not supported")


def check(pools: Sequence[PoolRequest]) -> None:
    """Refuse what is no range of addresses. Raises InvalidNetworkConfig with everything that is wrong."""
    causes = [cause for pool in pools for cause in _wrong(pool)]
    if causes:
        raise InvalidNetworkConfig(causes)


def chosen(pools: Sequence[PoolRequest], taken: Sequence[str]) -> Subnet:
    """Return the subnet that checked pools ask for; taken are other networks'.

    Raises Ipv6Unsupported, SubnetTaken, SeveralSubnets and AddressReserved.
    """
    if any(is_ipv6(pool.subnet) for pool in pools):
        raise Ipv6Unsupported
    seen = list(taken)
    for pool in pools:
        if ipam.overlaps(pool.subnet, seen):
            raise SubnetTaken(pool.subnet)
        seen.append(pool.subnet)
    if len(pools) > 1:
        raise SeveralSubnets
    (pool,) = pools
    gateway = pool.gateway or ipam.gateway(pool.subnet, pool.ip_range)
    used = {*ipam.ends(pool.subnet)}
    if gateway in used and pool.gateway:
        raise AddressReserved("gateway", gateway)
    used.add(gateway)
    for name, address in sorted(pool.auxiliary.items()):
        if address in used:
            raise AddressReserved("secondary ip address", f"{name}:{address}")
        used.add(address)
    return Subnet(pool.subnet, gateway, pool.ip_range, auxiliary=dict(pool.auxiliary), shown_gateway=bool(pool.gateway))


def _wrong(pool: PoolRequest) -> Iterator[str]:
    subnet = _prefix(pool.subnet)
    if subnet is None:
        yield f"invalid subnet {pool.subnet}: invalid CIDR block notation"
        return
    if is_ipv6(pool.subnet):
        return
    if subnet != pool.subnet:
        yield f"invalid subnet {pool.subnet}: it should be {subnet}"
    if pool.ip_range:
        wanted = _prefix(pool.ip_range)
        if wanted is None:
            yield f"invalid ip-range {pool.ip_range}: invalid CIDR block notation"
        elif int(wanted.partition("/")[2]) < int(subnet.partition("/")[2]):
            yield f"invalid ip-range {pool.ip_range}: CIDR block is bigger than its parent subnet {subnet}"
        elif wanted != pool.ip_range:
            yield f"invalid ip-range {pool.ip_range}: it should be {wanted}"
        elif not ipam.overlaps(wanted, [subnet]):
            yield f"invalid ip-range {pool.ip_range}: parent subnet {subnet} doesn't contain ip-range"
    if pool.gateway:
        yield from _wrong_address(f"gateway {pool.gateway}", pool.gateway, subnet)
    for name, address in sorted(pool.auxiliary.items()):
        yield from _wrong_address(f"auxiliary address {name}", address, subnet)


def _wrong_address(what: str, address: str, subnet: str) -> Iterator[str]:
    if canonical(address) is None:
        yield f"invalid {what}: invalid address"
    elif is_ipv6(address) or not ipam.overlaps(f"{address}/32", [subnet]):
        yield f"invalid {what}: parent subnet {subnet} doesn't contain this address"


def _prefix(text: str) -> str | None:
    """Return a prefix with the bits after it cleared; None when the text is none. IPv6 prefixes stay as they are."""
    address, _, length = text.partition("/")
    if canonical(address) is None or not length.isdecimal() or not length.isascii():
        return None
    if is_ipv6(address):
        return text if int(length) <= 128 else None
    return ipam.masked(address, int(length)) if int(length) <= 32 else None
