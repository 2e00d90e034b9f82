"""Networks and a container's place in them, as the state database keeps them (engine.state.codec)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engine.containers.config import EndpointRequest, PortBinding

BRIDGE, HOST, NONE = "bridge", "host", "none"
LOCK = "network"  # engine.locks: the bridges, namespaces and firewall rules
CONTAINER_PREFIX = "container:"
MTU_OPTION = "com.docker.network.driver.mtu"
OPTION = "com.docker.network.bridge."
TRUE = ("1", "t", "T", "TRUE", "true", "True")


@dataclass(frozen=True, slots=True)
class Subnet:
    """A range of addresses of a network.

    auxiliary: addresses by name that no container is given. shown_gateway: the gateway that somebody asked for, or
    that was chosen together with the subnet; inspect shows no other.
    """

    subnet: str
    gateway: str = ""
    ip_range: str = ""
    auxiliary: dict[str, str] = field(default_factory=dict)
    shown_gateway: bool = True

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
    configured: bool = False  # somebody chose the subnet, so that containers may choose their addresses
    own_bridge: bool = True  # the interface was made for the network and goes with it


@dataclass(frozen=True, slots=True)
class Network:
    """A network; created is nanoseconds since 1970."""

    id: str
    name: str
    created: int
    definition: NetworkDefinition

    @property
    def driver(self) -> str:
        """The driver: bridge, host or null."""
        return self.definition.driver

    @property
    def mtu(self) -> int:
        """The size of packets, as the network's option says; 0 for the kernel's own choice."""
        return int(self.definition.options.get(MTU_OPTION, "0"))

    @property
    def connects(self) -> bool:
        """Whether containers of the network may reach each other."""
        return self.definition.options.get(f"{OPTION}enable_icc", "true") in TRUE

    @property
    def masquerades(self) -> bool:
        """Whether what leaves the network does so under the machine's address."""
        asked = self.definition.options.get(f"{OPTION}enable_ip_masquerade", "true") in TRUE
        return asked and not self.definition.internal

    @property
    def host_ip(self) -> str:
        """The address on which ports are published when a container asks for none; empty for all."""
        return self.definition.options.get(f"{OPTION}host_binding_ipv4", "").replace("0.0.0.0", "")

    @property
    def user_defined(self) -> bool:
        """Whether somebody made the network; false for those that always exist."""
        return self.name not in (BRIDGE, HOST, NONE)


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
    mac_address: str = ""
    interface: str = ""
    outer: str = ""
    link_local: list[str] = field(default_factory=list)
    sysctls: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)  # in the network's name server; none on the default network
    servers: list[str] = field(default_factory=list)  # the name servers that the container asked for
    isolated: bool = False  # from the other containers of the network


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
    ports: dict[str, list[PortBinding]] = field(default_factory=dict)
    exposed: list[str] = field(default_factory=list)
    publish_all: bool = False
    dns: list[str] = field(default_factory=list)
    dns_search: list[str] = field(default_factory=list)
    dns_options: list[str] = field(default_factory=list)
    extra_hosts: list[str] = field(default_factory=list)
