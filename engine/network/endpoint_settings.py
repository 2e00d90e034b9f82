"""What a client may ask of a container's place in a network, checked as dockerd checks it. Pure.

check is called when a container is created, and again when it starts, because networks may have come and gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.containers.config import EndpointRequest
from engine.errors import InvalidParameter, listed
from engine.network import ipam
from engine.network.addresses import canonical, is_ipv6
from engine.network.record import BUILT_IN, DEFAULT, Network

SYSCTLS = "com.docker.network.endpoint.sysctls"
INTERFACE_NAME = "com.docker.network.endpoint.ifname"
IFNAME = ("IFNAME", "ifname")
SYSCTL_FAMILIES = ("ipv4", "ipv6", "mpls")
HEX = frozenset("0123456789abcdefABCDEF")


class InvalidEndpoint(InvalidParameter):
    """Settings of an endpoint that cannot be; causes are in dockerd's words, as the whole is."""

    def __init__(self, network: str, causes: list[str]) -> None:
        self.cause = f"invalid endpoint settings:\n{listed(causes)}"
        super().__init__(f"invalid config for network {network}: {self.cause}")
        self.network = network
        self.causes = causes


class InvalidEndpoints(InvalidParameter):
    """Settings of several endpoints that cannot be, each with its error."""

    def __init__(self, errors: list[InvalidParameter]) -> None:
        super().__init__(listed([str(each) for each in errors]))
        self.errors = errors


class InvalidMacAddress(InvalidParameter):
    """A text that is no MAC address; in dockerd's words."""

    def __init__(self, network: str, address: str) -> None:
        self.cause = f"invalid MAC address {address}"
        super().__init__(f"invalid config for network {network}: {self.cause}")
        self.network = network
        self.address = address


def check(name: str, network: Network | None, wants: EndpointRequest) -> None:
    """Refuse what an endpoint cannot have; network is None for one of that name that is not there yet.

    Raises InvalidEndpoint with everything that is wrong, or InvalidMacAddress.
    """
    if wants.mac_address:
        mac_bytes(name, wants.mac_address)
    causes = list(_wrong(name, network, wants))
    if causes:
        raise InvalidEndpoint(name, causes)


def mac_bytes(network: str, text: str) -> bytes:
    """Read a MAC address written as 02:42:ac:11:00:02, with dashes, or as 0242.ac11.0002. Raises InvalidMacAddress."""
    for separator, width in ((":", 2), ("-", 2), (".", 4)):
        parts = text.split(separator)
        if len(parts) * width == 12 and all(len(part) == width and HEX.issuperset(part) for part in parts):
            return bytes.fromhex("".join(parts))
    raise InvalidMacAddress(network, text)


def sysctls(wants: EndpointRequest, interface: str) -> list[tuple[str, str]]:
    """Return the (path below /proc/sys, value) pairs that an endpoint's options set for its interface."""
    found = []
    for entry in _sysctl_entries(wants):
        name, _, value = entry.partition("=")
        parts = name.split(".", 4)
        parts[3] = interface
        found.append(("/".join(parts).replace("//", "/"), value))
    return found


def interface_name(wants: EndpointRequest) -> str:
    """Return the name that an endpoint's options give the interface inside, empty for the next ethN."""
    return (wants.driver_opts or {}).get(INTERFACE_NAME, "")


def dns_names(network: Network, wants: EndpointRequest, own: Sequence[str]) -> list[str]:
    """Return the names of a container in a network's name server; the default networks have none.

    own: its name, the short form of its id and its host name, which is empty where nobody chose one.
    """
    if not network.user_defined:
        return []
    name, *others = own
    return list(dict.fromkeys(each for each in (name, *(wants.aliases or ()), *others) if each))


def _wrong(name: str, network: Network | None, wants: EndpointRequest) -> Iterator[str]:
    user_defined = name not in (*BUILT_IN, DEFAULT)
    static = bool(wants.ipv4_address or wants.ipv6_address)
    if static and not user_defined:
        yield "user specified IP address is supported on user defined networks only"
    if wants.aliases and not user_defined:
        yield "network-scoped alias is supported only for containers in user defined networks"
    if wants.ipv4_address and not _usable(wants.ipv4_address, ipv6=False):
        yield f"invalid IPv4 address: {wants.ipv4_address}"
    if wants.ipv6_address and not _usable(wants.ipv6_address, ipv6=True):
        yield f"invalid IPv6 address: {wants.ipv6_address}"
    for address in wants.link_local_ips or ():
        if canonical(address) in (None, "0.0.0.0", "::"):
            yield f"invalid link-local IP address: {address}"
    for address in (wants.ipv4_address, wants.ipv6_address):
        if address and network is not None:
            yield from _out_of_range(network, address, ipv6=address is wants.ipv6_address)
    for entry in _sysctl_entries(wants):
        parts = entry.split(".", 4)
        if len(parts) != 5 or parts[1] not in SYSCTL_FAMILIES or parts[3] not in IFNAME:
            yield (
                f"unrecognised network interface sysctl '{entry}'; represent 'net.X.Y.ethN.Z=V' as "
                "'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'"
            )


def _out_of_range(network: Network, address: str, *, ipv6: bool) -> Iterator[str]:
    """Say why nobody can choose an address in a network; dockerd looks at the subnets of its kind."""
    subnets = [each.subnet for each in network.definition.subnets if each.configured and each.is_ipv6 == ipv6]
    if not subnets:
        yield "user specified IP address is supported only when connecting to networks with user configured subnets"
        return
    found = canonical(address) if _usable(address, ipv6=ipv6) else None
    if found is None or not ipam.overlaps(f"{found}/{128 if ipv6 else 32}", subnets):
        yield f"no configured subnet or ip-range contain the IP address {address}"


def _sysctl_entries(wants: EndpointRequest) -> list[str]:
    options = wants.driver_opts or {}
    return options[SYSCTLS].split(",") if SYSCTLS in options else []


def _usable(address: str, *, ipv6: bool) -> bool:
    found = canonical(address)
    return found is not None and is_ipv6(found) == ipv6 and "%" not in found and found not in ("0.0.0.0", "::")
