"""What a container is made of: its configuration, as frozen records in the engine's own terms.

These are stored in the state database as JSON (engine.state.codec) and turned into an OCI runtime spec by
engine.runtime.spec. The field names are those of the Docker documents in snake case, so that each can be
found again; None means that the client did not say. Times are nanoseconds, sizes bytes.
"""

from __future__ import annotations

from engine.lean_dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """How to probe a container; test is [] (inherit), ["NONE"], ["CMD", ...] or ["CMD-SHELL", line]."""

    test: list[str] | None = None
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """What an image can also say: the process, its environment, its defaults."""

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: list[str] | None = None  # "80/tcp"
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: list[str] | None = None
    cmd: list[str] | None = None
    healthcheck: Healthcheck | None = None
    args_escaped: bool = False
    image: str = ""  # as the client wrote it
    volumes: list[str] | None = None  # paths in the container
    working_dir: str = ""
    entrypoint: list[str] | None = None
    network_disabled: bool = False
    on_build: list[str] | None = None
    labels: dict[str, str] | None = None
    stop_signal: str = ""
    stop_timeout: int | None = None  # seconds
    shell: list[str] | None = None


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Where output is kept."""

    type: str = ""
    config: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PortBinding:
    """One host side of a published port; host_port is "", "80" or "8000-8010"."""

    host_ip: str = ""
    host_port: str = ""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a container that ended is started again."""

    name: str = ""
    maximum_retry_count: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """A device node of the host in the container."""

    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = ""


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """Devices that a driver (cdi) is to choose."""

    driver: str = ""
    count: int = 0
    device_ids: list[str] | None = None
    capabilities: list[list[str]] | None = None
    options: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Ulimit:
    """A resource limit of the container's process."""

    name: str = ""
    soft: int = 0
    hard: int = 0


@dataclass(frozen=True, slots=True)
class WeightDevice:
    """A block device's share."""

    path: str = ""
    weight: int = 0


@dataclass(frozen=True, slots=True)
class ThrottleDevice:
    """A block device's limit, in bytes or operations a second."""

    path: str = ""
    rate: int = 0


@dataclass(frozen=True, slots=True)
class MountRequest:
    """One entry of HostConfig.Mounts; options holds the type's own options as the client gave them."""

    type: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: str = ""
    bind_options: dict[str, object] | None = None
    volume_options: dict[str, object] | None = None
    tmpfs_options: dict[str, object] | None = None
    image_options: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class HostConfig:
    """What only this machine knows: mounts, limits, namespaces, ports."""

    binds: list[str] | None = None
    container_id_file: str = ""
    log_config: LogConfig = field(default_factory=LogConfig)
    network_mode: str = ""
    port_bindings: dict[str, list[PortBinding] | None] | None = None
    restart_policy: RestartPolicy = field(default_factory=RestartPolicy)
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: list[str] | None = None
    console_size: list[int] = field(default_factory=lambda: [0, 0])  # height, width
    annotations: dict[str, str] | None = None
    cap_add: list[str] | None = None
    cap_drop: list[str] | None = None
    cgroupns_mode: str = ""
    dns: list[str] | None = None
    dns_options: list[str] | None = None
    dns_search: list[str] | None = None
    extra_hosts: list[str] | None = None
    group_add: list[str] | None = None
    ipc_mode: str = ""
    cgroup: str = ""
    links: list[str] | None = None
    oom_score_adj: int = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: list[str] | None = None
    storage_opt: dict[str, str] | None = None
    tmpfs: dict[str, str] | None = None
    uts_mode: str = ""
    userns_mode: str = ""
    shm_size: int = 0
    sysctls: dict[str, str] | None = None
    runtime: str = ""
    isolation: str = ""
    cpu_shares: int = 0
    memory: int = 0
    nano_cpus: int = 0
    cgroup_parent: str = ""
    blkio_weight: int = 0
    blkio_weight_device: list[WeightDevice] | None = None
    blkio_device_read_bps: list[ThrottleDevice] | None = None
    blkio_device_write_bps: list[ThrottleDevice] | None = None
    blkio_device_read_iops: list[ThrottleDevice] | None = None
    blkio_device_write_iops: list[ThrottleDevice] | None = None
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    devices: list[Device] | None = None
    device_cgroup_rules: list[str] | None = None
    device_requests: list[DeviceRequest] | None = None
    kernel_memory: int = 0  # of API versions before 1.42; shown, and without effect, as in runc
    kernel_memory_tcp: int = 0
    memory_reservation: int = 0
    memory_swap: int = 0
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    init: bool | None = None
    pids_limit: int | None = None
    ulimits: list[Ulimit] | None = None
    cpu_count: int = 0
    cpu_percent: int = 0
    io_maximum_iops: int = 0
    io_maximum_bandwidth: int = 0
    mounts: list[MountRequest] | None = None
    masked_paths: list[str] | None = None
    readonly_paths: list[str] | None = None


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """How a container wants to be connected to one network."""

    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: list[str] | None = None
    ipam_given: bool = False  # an IPAMConfig was sent, if only an empty one
    links: list[str] | None = None
    mac_address: str = ""
    aliases: list[str] | None = None
    driver_opts: dict[str, str] | None = None
    gw_priority: int = 0


@dataclass(frozen=True, slots=True)
class MountPoint:
    """A mount of a container as it was resolved at create: what inspect shows and start mounts.

    type: bind, volume, tmpfs or image. source: a path of the host, empty for tmpfs. mode: the text of the
    client's options. options: mount options for the runtime spec, beyond read-only and propagation.
    """

    type: str
    source: str
    destination: str
    mode: str = ""
    read_write: bool = True
    propagation: str = ""
    slave_if_possible: bool = False  # rslave was nobody's wish: where mounts are private, this one is, too
    name: str = ""  # a volume's
    driver: str = ""  # a volume's
    options: list[str] = field(default_factory=list)
    anonymous: bool = False  # a volume made for this container alone
    no_copy: bool = False  # do not fill an empty volume from the image
    subpath: str = ""  # the part of a volume or image that is mounted, relative to its top
    image_id: str = ""  # an image's, hex
    layer: str = ""  # an image's: the store's container that holds it, see engine.containers.image_mounts
    create_source: bool = False  # make the source folder at start if it is not there
    shown: str = ""  # the destination as it was asked for, where that was a relative path, which dockerd repeats
