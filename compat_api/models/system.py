"""The body that auth takes, and what the endpoints about the server answer."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from compat_api.models.go import DockerModel


class AuthBody(DockerModel):
    """A user's credentials for a registry."""

    go_type: ClassVar[str] = "registry.AuthConfig"
    go_root: ClassVar[str | None] = ""
    username: str = Field(default="", alias="username")
    password: str = Field(default="", alias="password")
    auth: str = Field(default="", alias="auth")
    email: str = Field(default="", alias="email")
    serveraddress: str = Field(default="", alias="serveraddress")
    identitytoken: str = Field(default="", alias="identitytoken")
    registrytoken: str = Field(default="", alias="registrytoken")


class AuthAnswer(DockerModel):
    """What auth answers."""

    identity_token: str
    status: str


class PlatformAnswer(DockerModel):
    """What the server calls itself."""

    name: str


class Component(DockerModel):
    """A program that takes part."""

    name: str
    version: str
    details: dict[str, str]


class VersionAnswer(DockerModel):
    """What version answers."""

    platform: PlatformAnswer
    components: list[Component]
    version: str
    api_version: str
    min_api_version: str = Field(alias="MinAPIVersion")
    git_commit: str
    go_version: str
    os: str
    arch: str
    kernel_version: str


class PluginsAnswer(DockerModel):
    """The drivers that there are."""

    volume: list[str]
    network: list[str]
    authorization: list[str] | None
    log: list[str]


class RegistryIndex(DockerModel):
    """A registry that images are looked for in."""

    mirrors: list[str] | None
    name: str
    official: bool
    secure: bool


class RegistryConfig(DockerModel):
    """Which registries are trusted, and how."""

    allow_nondistributable_artifacts_cidrs: list[str] | None = Field(
        default=None, alias="AllowNondistributableArtifactsCIDRs"
    )
    allow_nondistributable_artifacts_hostnames: list[str] | None = None
    index_configs: dict[str, RegistryIndex]
    insecure_registry_cidrs: list[str] | None = Field(alias="InsecureRegistryCIDRs")
    mirrors: list[str] | None


class RuntimeAnswer(DockerModel):
    """An OCI runtime."""

    path: str = Field(alias="path")
    runtime_args: list[str] | None = Field(default=None, alias="runtimeArgs")
    status: dict[str, str] | None = Field(default=None, alias="status")


class SwarmAnswer(DockerModel):
    """How the node stands in a swarm: it is in none."""

    node_id: str
    node_addr: str
    local_node_state: str
    control_available: bool
    error: str
    remote_managers: list[dict[str, str]] | None


class CommitFact(DockerModel):
    """The revision of a program."""

    id: str
    expected: str | None = None


class FirewallAnswer(DockerModel):
    """What makes the firewall's rules."""

    driver: str
    info: list[list[str]] | None = None


class InfoAnswer(DockerModel):
    """What info answers."""

    id: str
    containers: int
    containers_running: int
    containers_paused: int
    containers_stopped: int
    images: int
    driver: str
    driver_status: list[list[str]]
    plugins: PluginsAnswer
    memory_limit: bool
    swap_limit: bool
    kernel_memory: bool | None = None
    kernel_memory_tcp: bool | None = None
    cpu_cfs_period: bool
    cpu_cfs_quota: bool
    cpu_shares: bool = Field(alias="CPUShares")
    cpu_set: bool = Field(alias="CPUSet")
    pids_limit: bool
    ipv4_forwarding: bool
    debug: bool
    n_fd: int
    oom_kill_disable: bool
    n_goroutines: int
    system_time: str
    logging_driver: str
    cgroup_driver: str
    cgroup_version: str
    n_events_listener: int
    kernel_version: str
    operating_system: str
    os_version: str = Field(alias="OSVersion")
    os_type: str = Field(alias="OSType")
    architecture: str
    index_server_address: str
    registry_config: RegistryConfig
    ncpu: int = Field(alias="NCPU")
    mem_total: int
    generic_resources: list[dict[str, Any]] | None
    docker_root_dir: str
    http_proxy: str
    https_proxy: str
    no_proxy: str
    name: str
    labels: list[str]
    experimental_build: bool
    server_version: str
    runtimes: dict[str, RuntimeAnswer]
    default_runtime: str
    swarm: SwarmAnswer
    live_restore_enabled: bool
    isolation: str
    init_binary: str
    containerd_commit: CommitFact
    runc_commit: CommitFact
    init_commit: CommitFact
    security_options: list[str]
    firewall_backend: FirewallAnswer | None = None
    cdi_spec_dirs: list[str] = Field(alias="CDISpecDirs")
    warnings: list[str] | None
    bridge_nf_iptables: bool | None = None
    bridge_nf_ip6tables: bool | None = None


class EventActor(DockerModel):
    """What an event is about."""

    id: str
    attributes: dict[str, str]


class EventMessage(DockerModel):
    """One line of the stream of events."""

    status: str | None = Field(default=None, alias="status")
    id: str | None = Field(default=None, alias="id")
    origin: str | None = Field(default=None, alias="from")
    type: str
    action: str
    actor: EventActor
    scope: str = Field(alias="scope")
    time: int = Field(alias="time")
    time_nano: int = Field(alias="timeNano")
