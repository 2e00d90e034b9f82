"""The addresses that a client wants for a network, checked as dockerd checks them and made definite. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.errors import EngineError, Forbidden, InvalidParameter
from engine.lean_dataclasses import dataclass, field
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


class UnknownPool(EngineError):
    """A subnet of IPv4 addresses inside IPv6, which dockerd loses between two of its steps; in its words."""

    def __init__(self, subnet: str) -> None:
        super().__init__(f"failed to allocate gateway (): cannot find address pool for poolID:{subnet}/invalid Prefix")
        self.subnet = subnet


def check(pools: Sequence[PoolRequest]) -> None:
    """Refuse what is no range of addresses. Raises InvalidNetworkConfig with everything that is wrong."""
    causes = [cause for pool in pools for cause in _wrong(pool)]
    if causes:
        raise InvalidNetworkConfig(causes)


def chosen(pools: Sequence[PoolRequest], taken: Sequence[str]) -> list[Subnet]:
    """Return the subnets that checked pools ask for, IPv4 before IPv6; taken are other networks'.

    Raises SubnetTaken, SeveralSubnets, AddressReserved and UnknownPool.
    """
    seen = list(taken)
    for pool in pools:
        if _is_mapped(pool.subnet):
            raise UnknownPool(pool.subnet)
        if ipam.overlaps(pool.subnet, seen):
            raise SubnetTaken(pool.subnet)
        seen.append(pool.subnet)
    families = [is_ipv6(pool.subnet) for pool in pools]
    if len(set(families)) < len(families):
        raise SeveralSubnets
    return [_subnet(pool) for pool in sorted(pools, key=lambda pool: is_ipv6(pool.subnet))]


def _subnet(pool: PoolRequest) -> Subnet:
    asked = canonical(pool.gateway) or ""
    gateway = asked or ipam.gateway(pool.subnet, pool.ip_range)
    used = {*ipam.ends(pool.subnet)}
    if gateway in used and pool.gateway:
        raise AddressReserved("gateway", gateway)
    used.add(gateway)
    for name, text in sorted(pool.auxiliary.items()):
        address = canonical(text) or ""
        if address in used:
            raise AddressReserved("secondary ip address", f"{name}:{address}")
        used.add(address)
    return Subnet(
        pool.subnet,
        gateway,
        pool.ip_range,
        auxiliary=dict(pool.auxiliary),
        shown_gateway=bool(pool.gateway),
        configured=True,
    )


def _is_mapped(subnet: str) -> bool:
    address = subnet.partition("/")[0]
    return is_ipv6(address) and "." in (canonical(address) or "")


def _wrong(pool: PoolRequest) -> Iterator[str]:
    subnet = _prefix(pool.subnet)
    if subnet is None:
        yield f"invalid subnet {pool.subnet}: invalid CIDR block notation"
        return
    if subnet != _written(pool.subnet):
        yield f"invalid subnet {pool.subnet}: it should be {subnet}"
    family = f"parent subnet is an IPv{6 if is_ipv6(subnet) else 4} block"
    if pool.ip_range:
        wanted = _prefix(pool.ip_range)
        if wanted is None:
            yield f"invalid ip-range {pool.ip_range}: invalid CIDR block notation"
        elif is_ipv6(wanted) != is_ipv6(subnet):
            yield f"invalid ip-range {pool.ip_range}: {family}"
        else:
            if int(wanted.partition("/")[2]) < int(subnet.partition("/")[2]):
                yield f"invalid ip-range {pool.ip_range}: CIDR block is bigger than its parent subnet {subnet}"
            if wanted != _written(pool.ip_range):
                yield f"invalid ip-range {pool.ip_range}: it should be {wanted}"
            if not ipam.overlaps(wanted, [subnet]):
                yield f"invalid ip-range {pool.ip_range}: parent subnet {subnet} doesn't contain ip-range"
    if pool.gateway:
        yield from _wrong_address(f"gateway {pool.gateway}", pool.gateway, subnet, family)
    for name, address in sorted(pool.auxiliary.items()):
        yield from _wrong_address(f"auxiliary address {name}", address, subnet, family)


def _wrong_address(what: str, address: str, subnet: str, family: str) -> Iterator[str]:
    found = canonical(address)
    if found is None:
        yield f"invalid {what}: invalid address"
    elif is_ipv6(found) != is_ipv6(subnet):
        yield f"invalid {what}: {family}"
    elif not ipam.overlaps(f"{found}/{128 if is_ipv6(found) else 32}", [subnet]):
        yield f"invalid {what}: parent subnet {subnet} doesn't contain this address"


def _prefix(text: str) -> str | None:
    """Return a prefix in its canonical form with the bits after it cleared; None when the text is none."""
    address, _, length = text.partition("/")
    if canonical(address) is None or "%" in address or not length.isdecimal() or not length.isascii():
        return None
    return ipam.masked(address, int(length)) if int(length) <= (128 if is_ipv6(address) else 32) else None


def _written(text: str) -> str:
    """Return a prefix with its address in the canonical form and its bits as they are."""
    address, _, length = text.partition("/")
    return f"{canonical(address)}/{int(length)}"
