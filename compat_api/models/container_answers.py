"""The answers of the container endpoints, for the OpenAPI document; compat_api.shapes writes the larger ones."""

from __future__ import annotations

from pydantic import Field

from compat_api.models.containers import ContainerConfig, HostConfig, Ipam, PortBinding
from compat_api.models.go import DockerModel


class CreateAnswer(DockerModel):
    """What create answers."""

    id: str = Field(alias="Id")
    warnings: list[str]


class CommitAnswer(DockerModel):
    """What commit answers."""

    id: str = Field(alias="Id")


class WaitError(DockerModel):
    """Why a wait failed."""

    message: str


class WaitAnswer(DockerModel):
    """What wait answers once the container has ended."""

    status_code: int
    error: WaitError | None = None


class PruneAnswer(DockerModel):
    """What a prune removed."""

    containers_deleted: list[str] | None
    space_reclaimed: int


class TopAnswer(DockerModel):
    """What top answers: a text for each title and process."""

    processes: list[list[str]] | None
    titles: list[str]


class ChangeAnswer(DockerModel):
    """A path that differs from the image: 0 modified, 1 added, 2 deleted."""

    path: str
    kind: int


class UpdateAnswer(DockerModel):
    """What update answers."""

    warnings: list[str] | None


class Port(DockerModel):
    """A port in the list."""

    ip: str = Field(default="", alias="IP")
    private_port: int
    public_port: int = 0
    type: str


class MountPoint(DockerModel):
    """A mount as it was resolved."""

    type: str
    name: str = ""
    source: str
    destination: str
    driver: str = ""
    mode: str
    rw: bool = Field(alias="RW")
    propagation: str


class EndpointAnswer(DockerModel):
    """A container's place in one network."""

    ipam_config: Ipam | None = Field(alias="IPAMConfig")
    links: list[str] | None
    aliases: list[str] | None
    mac_address: str
    driver_opts: dict[str, str] | None
    gw_priority: int
    network_id: str
    endpoint_id: str
    gateway: str
    ip_address: str = Field(alias="IPAddress")
    ip_prefix_len: int = Field(alias="IPPrefixLen")
    ipv6_gateway: str
    global_ipv6_address: str
    global_ipv6_prefix_len: int
    dns_names: list[str] | None = Field(alias="DNSNames")


class Networks(DockerModel):
    """The networks of a container in the list."""

    networks: dict[str, EndpointAnswer]


class NetworkSettings(Networks):
    """The networks of a container, and what of the default bridge stands at the top again."""

    bridge: str
    sandbox_id: str
    sandbox_key: str
    ports: dict[str, list[PortBinding] | None]
    hairpin_mode: bool
    link_local_ipv6_address: str
    link_local_ipv6_prefix_len: int
    secondary_ip_addresses: None = Field(alias="SecondaryIPAddresses")
    secondary_ipv6_addresses: None
    endpoint_id: str
    gateway: str
    global_ipv6_address: str
    global_ipv6_prefix_len: int
    ip_address: str = Field(alias="IPAddress")
    ip_prefix_len: int = Field(alias="IPPrefixLen")
    ipv6_gateway: str
    mac_address: str


class SummaryHostConfig(DockerModel):
    """What the list tells of the host configuration."""

    network_mode: str
    annotations: dict[str, str] | None = None


class ContainerSummary(DockerModel):
    """A container in the list."""

    id: str = Field(alias="Id")
    names: list[str]
    image: str
    image_id: str
    command: str
    created: int
    ports: list[Port]
    size_rw: int = 0
    size_root_fs: int = 0
    labels: dict[str, str]
    state: str
    status: str
    host_config: SummaryHostConfig
    network_settings: Networks
    mounts: list[MountPoint]


class HealthCheckResult(DockerModel):
    """What one check of a container's health found."""

    start: str
    end: str
    exit_code: int
    output: str


class Health(DockerModel):
    """How a container's health checks stand."""

    status: str
    failing_streak: int
    log: list[HealthCheckResult] | None


class ContainerState(DockerModel):
    """How a container stands."""

    status: str
    running: bool
    paused: bool
    restarting: bool
    oom_killed: bool = Field(alias="OOMKilled")
    dead: bool
    pid: int
    exit_code: int
    error: str
    started_at: str
    finished_at: str
    health: Health | None = None


class GraphDriver(DockerModel):
    """Where a container's layers lie."""

    data: dict[str, str] | None
    name: str


class ContainerInspect(DockerModel):
    """One container in full."""

    id: str = Field(alias="Id")
    created: str
    path: str
    args: list[str]
    state: ContainerState
    image: str
    resolv_conf_path: str
    hostname_path: str
    hosts_path: str
    log_path: str
    name: str
    restart_count: int
    driver: str
    platform: str
    mount_label: str
    process_label: str
    app_armor_profile: str
    exec_ids: list[str] | None
    host_config: HostConfig
    graph_driver: GraphDriver
    size_rw: int | None = None
    size_root_fs: int | None = None
    mounts: list[MountPoint]
    config: ContainerConfig
    network_settings: NetworkSettings
