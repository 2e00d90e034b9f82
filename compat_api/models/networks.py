"""The bodies that the network endpoints take and give."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from compat_api.models.containers import Endpoint
from compat_api.models.go import DockerModel, TextMap


class IpamConfig(DockerModel):
    """A range of a network's addresses."""

    go_type: ClassVar[str] = "network.IPAMConfig"
    subnet: str = Field(default="", alias="Subnet")
    ip_range: str = Field(default="", alias="IPRange")
    gateway: str = Field(default="", alias="Gateway")
    auxiliary_addresses: TextMap | None = None


class IpamBody(DockerModel):
    """How a network is to give addresses away."""

    go_type: ClassVar[str] = "network.IPAM"
    driver: str = ""
    options: TextMap | None = None
    config: list[IpamConfig] | None = None


class ConfigReference(DockerModel):
    """The network whose configuration is to be taken."""

    go_type: ClassVar[str] = "network.ConfigReference"
    network: str = ""


class NetworkCreateBody(DockerModel):
    """What network to make."""

    go_type: ClassVar[str] = "network.CreateRequest"
    name: str = ""
    check_duplicate: bool | None = None  # of old clients: names are unique whatever they say
    driver: str = ""
    scope: str = ""
    enable_ipv4: bool | None = Field(default=None, alias="EnableIPv4")
    enable_ipv6: bool | None = Field(default=None, alias="EnableIPv6")
    ipam: IpamBody | None = Field(default=None, alias="IPAM")
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigReference | None = None
    options: TextMap | None = None
    labels: TextMap | None = None


class ConnectBody(DockerModel):
    """Which container to connect to a network, and how."""

    go_type: ClassVar[str] = "network.ConnectOptions"
    container: str = ""
    endpoint_config: Endpoint | None = None


class DisconnectBody(DockerModel):
    """Which container to disconnect; force is for one that is not there, or whose network is not."""

    go_type: ClassVar[str] = "network.DisconnectOptions"
    container: str = ""
    force: bool = False


class NetworkCreateAnswer(DockerModel):
    """The id of a new network."""

    id: str = Field(alias="Id")
    warning: str


class NetworksPruned(DockerModel):
    """The names of the networks that were removed."""

    networks_deleted: list[str] | None


class Ipam(DockerModel):
    """How a network gives addresses away."""

    driver: str = Field(alias="Driver")
    options: dict[str, str] | None = Field(alias="Options")
    config: list[IpamConfig] | None = Field(alias="Config")


class NetworkContainer(DockerModel):
    """A container's place in a network."""

    name: str = Field(alias="Name")
    endpoint_id: str = Field(alias="EndpointID")
    mac_address: str = Field(alias="MacAddress")
    ipv4_address: str = Field(alias="IPv4Address")
    ipv6_address: str = Field(alias="IPv6Address")


class ConfigFrom(DockerModel):
    """The network whose configuration this one takes."""

    network: str = Field(alias="Network")


class NetworkAnswer(DockerModel):
    """A network, and with inspect the containers in it."""

    name: str = Field(alias="Name")
    id: str = Field(alias="Id")
    created: str = Field(alias="Created")
    scope: str = Field(alias="Scope")
    driver: str = Field(alias="Driver")
    enable_ipv4: bool = Field(alias="EnableIPv4")
    enable_ipv6: bool = Field(alias="EnableIPv6")
    ipam: Ipam = Field(alias="IPAM")
    internal: bool = Field(alias="Internal")
    attachable: bool = Field(alias="Attachable")
    ingress: bool = Field(alias="Ingress")
    config_from: ConfigFrom = Field(alias="ConfigFrom")
    config_only: bool = Field(alias="ConfigOnly")
    containers: dict[str, NetworkContainer] = Field(alias="Containers")
    options: dict[str, str] = Field(alias="Options")
    labels: dict[str, str] = Field(alias="Labels")
