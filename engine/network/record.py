"""Networks and a container's place in them, as the state database keeps them (engine.state.codec)."""

from __future__ import annotations

import functools
from pathlib import Path

from engine.containers.config import EndpointRequest, PortBinding
from engine.lean_dataclasses import dataclass, field
from engine.state.codec import decode

BRIDGE, HOST, NONE = "bridge", "host", "none"
BUILT_IN = (BRIDGE, HOST, NONE)
DEFAULT = "default"  # as a mode, the bridge; no network has this name
PARENTED = ("macvlan", "ipvlan")  # drivers whose interfaces are on another one
LOCK = "network"  # engine.locks: the bridges, namespaces and firewall rules
CONTAINER_PREFIX = "container:"
MTU_OPTION = "com.docker.network.driver.mtu"
OPTION = "com.docker.network.bridge."
TRUE = ("1", "t", "T", "TRUE", "true", "True")


@dataclass(frozen=True, slots=True)
class Subnet:
    """A range of addresses of a network.

    auxiliary: addresses by name that no container is given. shown_gateway: the gateway that somebody asked for, or
    that was chosen together with the subnet; inspect shows no other. configured: somebody chose the subnet, so that
    containers may choose their addresses.
    """

    subnet: str
    gateway: str = ""
    ip_range: str = ""
    auxiliary: dict[str, str] = field(default_factory=dict)
    shown_gateway: bool = True
    configured: bool = False

    @property
    def is_ipv6(self) -> bool:
        """Whether the addresses are IPv6 ones."""
        return ":" in self.subnet

    @property
    def prefix_length(self) -> int:
        """The length of the subnet's prefix."""
        return int(self.subnet.partition("/")[2])


@dataclass(frozen=True, slots=True)
class NetworkDefinition:
    """What a network was made with."""

    driver: str = BRIDGE
    bridge: str = ""  # the interface's name
    subnets: list[Subnet] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    internal: bool = False
    attachable: bool = False
    enable_ipv4: bool = True
    enable_ipv6: bool = False
    ipam_options: dict[str, str] | None = None
    own_bridge: bool = True  # the interface was made for the network and goes with it
    scope: str = "local"
    config_only: bool = False  # no network at all, but what others may be made like
    config_from: str = ""  # the name of the network that this one was made like
    parent: str = ""  # macvlan and ipvlan: the interface that containers' interfaces are on
    own_parent: bool = False  # it was made for the network and goes with it

    @property
    def ipv4(self) -> Subnet | None:
        """The IPv4 addresses that containers have, if they have any."""
        return next((each for each in self.subnets if not each.is_ipv6), None) if self.enable_ipv4 else None

    @property
    def ipv6(self) -> Subnet | None:
        """The IPv6 addresses that containers have, if they have any."""
        return next((each for each in self.subnets if each.is_ipv6), None) if self.enable_ipv6 else None


@dataclass(frozen=True, slots=True)
class Network:
    """A network; created is nanoseconds since 1970."""

    id: str
    name: str
    created: int
    definition: NetworkDefinition

    @property
    def driver(self) -> str:
        """The driver: bridge, macvlan, ipvlan, host or null."""
        return self.definition.driver

    @property
    def mtu(self) -> int:
        """The size of packets, as the network's option says; 0 for the kernel's own choice."""
        return int(self.definition.options.get(MTU_OPTION, "0"))

    @property
    def connects(self) -> bool:
        """Whether containers of the network may reach each other."""
        return self._is_on("enable_icc", "true")

    def mode(self, *, ipv6: bool) -> str:
        """Return how containers are reached from outside: nat, nat-unprotected, routed or isolated."""
        return self.definition.options.get(f"{OPTION}gateway_mode_ipv{6 if ipv6 else 4}") or "nat"

    def masquerades(self, *, ipv6: bool) -> bool:
        """Tell whether what leaves the network does so under the machine's address."""
        asked = self._is_on("enable_ip_masquerade", "true") and self.mode(ipv6=ipv6) != "routed"
        return asked and not self.definition.internal

    def is_addressed(self, *, ipv6: bool) -> bool:
        """Tell whether the machine itself has an address in the network, its gateway."""
        if self.mode(ipv6=ipv6) == "isolated":
            return False
        return ipv6 or not self._is_on("inhibit_ipv4", "false")

    def source(self, *, ipv6: bool) -> str:
        """Return the address of the machine that what leaves the network is given; empty for that of its way out."""
        return self.definition.options.get(f"com.docker.network.host_ipv{6 if ipv6 else 4}", "")

    @property
    def trusted(self) -> list[str]:
        """The interfaces from which containers may be reached directly."""
        return [each for each in self.definition.options.get(f"{OPTION}trusted_host_interfaces", "").split(":") if each]

    @property
    def host_ip(self) -> str:
        """The address on which ports are published when a container asks for none; empty for all."""
        return self.definition.options.get(f"{OPTION}host_binding_ipv4", "").replace("0.0.0.0", "")

    @property
    def bridged(self) -> bool:
        """Whether containers are connected by a bridge of this machine."""
        return self.definition.driver == BRIDGE and not self.definition.config_only

    @property
    def wired(self) -> bool:
        """Whether containers get an interface in the network."""
        return self.bridged or self.definition.driver in PARENTED

    @property
    def user_defined(self) -> bool:
        """Whether somebody made the network; false for those that always exist."""
        return self.name not in BUILT_IN

    def _is_on(self, option: str, otherwise: str) -> bool:
        return self.definition.options.get(f"{OPTION}{option}", otherwise) in TRUE


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container's place in one network; sysctls are by path below /proc/sys.

    interface is the interface's name inside, outer that of its end on the machine's side.
    """

    id: str
    network_id: str
    container_id: str
    ip_address: str = ""
    prefix_length: int = 0
    gateway: str = ""
    ipv6_address: str = ""
    ipv6_prefix_length: int = 0
    ipv6_gateway: str = ""
    mac_address: str = ""
    interface: str = ""
    outer: str = ""
    link_local: list[str] = field(default_factory=list)
    sysctls: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)  # in the network's name server; none on the default network
    servers: list[str] = field(default_factory=list)  # the name servers that the container asked for
    links: list[str] = field(default_factory=list)  # name:alias of other containers, for this one alone
    ndots: bool = False  # somebody chose how many dots make a name a full one
    isolated: bool = False  # from the other containers of the network
    leads_out: bool = True  # the network has a way out, so that names are asked for outside
    by_interface: bool = False  # everything else is sent out of the interface, to no gateway
    asks: bool = False  # the container has the name server of a network that it has left, which has no names here

    @property
    def addresses(self) -> list[str]:
        """The addresses, IPv4 before IPv6."""
        return [each for each in (self.ip_address, self.ipv6_address) if each]

    @property
    def asking(self) -> bool:
        """Whether the container asks the attendant because of this place, for names of the network or for others."""
        return bool(self.names) or self.asks


@functools.lru_cache(maxsize=2048)
def endpoint_of(definition: str) -> Endpoint:
    """Decode an endpoint; most are the same from one change to the next."""
    return decode(Endpoint, definition)


@dataclass(frozen=True, slots=True)
class NetworkDonor:
    """A running container whose network another one shares: its namespace (None: the machine's), its name files."""

    namespace: str | None
    files: Path


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """How a container that starts wants to be connected."""

    name: str
    hostname: str = ""
    domainname: str = ""
    short_id: str = ""
    mode: str = BRIDGE
    donor: NetworkDonor | None = None  # set for a mode that names a container
    endpoints: dict[str, EndpointRequest] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)  # ids by names: a network made anew under a name is another one
    unconnected: bool = False  # to be in no network, not even the mode's
    ports: dict[str, list[PortBinding]] = field(default_factory=dict)
    exposed: list[str] = field(default_factory=list)
    publish_all: bool = False
    dns: list[str] = field(default_factory=list)
    dns_search: list[str] = field(default_factory=list)
    dns_options: list[str] = field(default_factory=list)
    extra_hosts: list[str] = field(default_factory=list)

    @property
    def networks(self) -> list[str]:
        """The networks to be in, that of the mode first where it is one of them."""
        if self.unconnected:
            return []
        mode = self.mode or BRIDGE
        return sorted(self.endpoints or [mode], key=lambda each: (each != mode, each))
