"""The bodies that the container endpoints take; fields as in engine.containers.config, aliases as in Docker's API.

compat_api.create_request turns a body into the engine's records.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from compat_api.models.go import (
    ZERO_FOR_NULL,
    DockerModel,
    Duration,
    Go,
    Int,
    Int64,
    PortSet,
    Set,
    TextMap,
    Texts,
    Uint,
    Uint16,
    Uint32,
    Uint64,
    Words,
)  # fmt: skip


class Healthcheck(DockerModel):
    """How to probe a container."""

    go_type: ClassVar[str] = "v1.HealthcheckConfig"
    test: Texts | None = None
    interval: Duration = 0
    timeout: Duration = 0
    start_period: Duration = 0
    start_interval: Duration = 0
    retries: Int = 0


class ContainerConfig(DockerModel):
    """What an image can also say; the body of create without its host part."""

    go_type: ClassVar[str] = "container.Config"
    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: PortSet | None = None
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: Texts | None = None
    cmd: Words | None = None
    healthcheck: Healthcheck | None = None
    args_escaped: bool = False
    image: str = ""
    volumes: Set | None = None
    working_dir: str = ""
    entrypoint: Words | None = None
    network_disabled: bool = False
    mac_address: str = ""
    on_build: Texts | None = None
    labels: TextMap | None = None
    stop_signal: str = ""
    stop_timeout: Int | None = None
    shell: Words | None = None


class LogConfig(DockerModel):
    """Where output is kept."""

    go_type: ClassVar[str] = "container.LogConfig"
    type: str = ""
    config: TextMap = Field(default_factory=dict)


class PortBinding(DockerModel):
    """One host side of a published port."""

    go_type: ClassVar[str] = "nat.PortBinding"
    host_ip: str = ""
    host_port: str = ""


class RestartPolicy(DockerModel):
    """When a container that ended is started again."""

    go_type: ClassVar[str] = "container.RestartPolicy"
    name: Annotated[str, Go("container.RestartPolicyMode")] = ""
    maximum_retry_count: Int = 0


class Device(DockerModel):
    """A device node of the host."""

    go_type: ClassVar[str] = "container.DeviceMapping"
    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = ""


class DeviceRequest(DockerModel):
    """Devices that a driver is to choose."""

    go_type: ClassVar[str] = "container.DeviceRequest"
    driver: str = ""
    count: Int = 0
    device_ids: Texts | None = None
    capabilities: list[Texts] | None = None
    options: TextMap | None = None


class Ulimit(DockerModel):
    """A resource limit of the process."""

    go_type: ClassVar[str] = "units.Ulimit"
    name: str = ""
    hard: Int64 = 0
    soft: Int64 = 0


class WeightDevice(DockerModel):
    """A block device's share."""

    go_type: ClassVar[str] = "blkiodev.WeightDevice"
    path: str = ""
    weight: Uint16 = 0


class ThrottleDevice(DockerModel):
    """A block device's limit."""

    go_type: ClassVar[str] = "blkiodev.ThrottleDevice"
    path: str = ""
    rate: Uint64 = 0


# Lists of pointers in dockerd's source.
Ulimits = Annotated[list[Annotated[Ulimit, ZERO_FOR_NULL]], Go("[]*units.Ulimit")]
WeightDevices = Annotated[list[Annotated[WeightDevice, ZERO_FOR_NULL]], Go("[]*blkiodev.WeightDevice")]
ThrottleDevices = Annotated[list[Annotated[ThrottleDevice, ZERO_FOR_NULL]], Go("[]*blkiodev.ThrottleDevice")]


class BindOptions(DockerModel):
    """What only a bind mount has."""

    go_type: ClassVar[str] = "mount.BindOptions"
    propagation: Annotated[str, Go("mount.Propagation")] = ""
    non_recursive: bool = False
    create_mountpoint: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False


class VolumeDriver(DockerModel):
    """The driver of a volume that a mount makes."""

    go_type: ClassVar[str] = "mount.Driver"
    name: str = ""
    options: TextMap | None = None


class VolumeOptions(DockerModel):
    """What only a volume's mount has."""

    go_type: ClassVar[str] = "mount.VolumeOptions"
    no_copy: bool = False
    labels: TextMap | None = None
    subpath: str = ""
    driver_config: VolumeDriver | None = None


class ImageOptions(DockerModel):
    """What only an image's mount has."""

    go_type: ClassVar[str] = "mount.ImageOptions"
    subpath: str = ""


class TmpfsOptions(DockerModel):
    """What only a tmpfs has."""

    go_type: ClassVar[str] = "mount.TmpfsOptions"
    size_bytes: Int64 = 0
    mode: Annotated[Uint32, Go("fs.FileMode")] = 0
    options: list[Texts] | None = None


class Mount(DockerModel):
    """One entry of HostConfig.Mounts."""

    go_type: ClassVar[str] = "mount.Mount"
    type: Annotated[str, Go("mount.Type")] = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: Annotated[str, Go("mount.Consistency")] = ""
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions | None = None
    image_options: ImageOptions | None = None
    tmpfs_options: TmpfsOptions | None = None


class Resources(DockerModel):
    """Limits and devices; what update can change is among it."""

    cpu_shares: Int64 = 0
    memory: Int64 = 0
    nano_cpus: Int64 = 0
    cgroup_parent: str = ""
    blkio_weight: Uint16 = 0
    blkio_weight_device: WeightDevices | None = None
    blkio_device_read_bps: ThrottleDevices | None = None
    blkio_device_write_bps: ThrottleDevices | None = None
    blkio_device_read_iops: ThrottleDevices | None = None
    blkio_device_write_iops: ThrottleDevices | None = None
    cpu_period: Int64 = 0
    cpu_quota: Int64 = 0
    cpu_realtime_period: Int64 = 0
    cpu_realtime_runtime: Int64 = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    devices: list[Annotated[Device, ZERO_FOR_NULL]] | None = None
    device_cgroup_rules: Texts | None = None
    device_requests: list[Annotated[DeviceRequest, ZERO_FOR_NULL]] | None = None
    kernel_memory: Int64 = 0
    kernel_memory_tcp: Int64 = 0
    memory_reservation: Int64 = 0
    memory_swap: Int64 = 0
    memory_swappiness: Int64 | None = None
    oom_kill_disable: bool | None = None
    pids_limit: Int64 | None = None
    ulimits: Ulimits | None = None
    cpu_count: Int64 = 0
    cpu_percent: Int64 = 0
    io_maximum_iops: Uint64 = 0
    io_maximum_bandwidth: Uint64 = 0


class HostConfig(Resources):
    """What only this machine knows: mounts, limits, namespaces, ports."""

    go_type: ClassVar[str] = "container.HostConfig"
    binds: Texts | None = None
    container_id_file: str = ""
    log_config: LogConfig = Field(default_factory=LogConfig)
    network_mode: Annotated[str, Go("container.NetworkMode")] = ""
    port_bindings: (
        Annotated[dict[str, list[Annotated[PortBinding, ZERO_FOR_NULL]] | None], Go("nat.PortMap")] | None
    ) = None
    restart_policy: RestartPolicy = Field(default_factory=RestartPolicy)
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: Texts | None = None
    console_size: Annotated[list[Uint], Go("[2]uint")] = Field(default_factory=lambda: [0, 0])
    annotations: TextMap | None = None
    cap_add: Words | None = None
    cap_drop: Words | None = None
    cgroupns_mode: Annotated[str, Go("container.CgroupnsMode")] = ""
    dns: Texts | None = None
    dns_options: Texts | None = None
    dns_search: Texts | None = None
    extra_hosts: Texts | None = None
    group_add: Texts | None = None
    ipc_mode: Annotated[str, Go("container.IpcMode")] = ""
    cgroup: Annotated[str, Go("container.CgroupSpec")] = ""
    links: Texts | None = None
    oom_score_adj: Int = 0
    pid_mode: Annotated[str, Go("container.PidMode")] = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: Texts | None = None
    storage_opt: TextMap | None = None
    tmpfs: TextMap | None = None
    uts_mode: Annotated[str, Go("container.UTSMode")] = ""
    userns_mode: Annotated[str, Go("container.UsernsMode")] = ""
    shm_size: Int64 = 0
    sysctls: TextMap | None = None
    runtime: str = ""
    isolation: Annotated[str, Go("container.Isolation")] = ""
    mounts: list[Annotated[Mount, ZERO_FOR_NULL]] | None = None
    masked_paths: Texts | None = None
    readonly_paths: Texts | None = None
    init: bool | None = None


class UpdateBody(Resources):
    """The body of update."""

    go_type: ClassVar[str] = "container.UpdateConfig"
    restart_policy: RestartPolicy = Field(default_factory=RestartPolicy)


class Ipam(DockerModel):
    """Addresses that a container asks for in one network."""

    go_type: ClassVar[str] = "network.EndpointIPAMConfig"
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: Texts | None = None


class Endpoint(DockerModel):
    """How a container is to be connected to one network."""

    go_type: ClassVar[str] = "network.EndpointSettings"
    ipam_config: Ipam | None = Field(default=None, alias="IPAMConfig")
    links: Texts | None = None
    aliases: Texts | None = None
    mac_address: str = ""
    driver_opts: TextMap | None = None
    gw_priority: Int = 0
    # What a network gave: clients that make a container anew send back what inspect showed of the old one.
    network_id: str = Field(default="", alias="NetworkID")
    endpoint_id: str = Field(default="", alias="EndpointID")
    gateway: str = ""
    ip_address: str = Field(default="", alias="IPAddress")
    ip_prefix_len: Int = Field(default=0, alias="IPPrefixLen")
    ipv6_gateway: str = Field(default="", alias="IPv6Gateway")
    ipv6_address: str = Field(default="", alias="GlobalIPv6Address")
    ipv6_prefix_len: Int = Field(default=0, alias="GlobalIPv6PrefixLen")
    dns_names: Texts | None = Field(default=None, alias="DNSNames")


class NetworkingConfig(DockerModel):
    """The networks that a container is connected to at create."""

    go_type: ClassVar[str] = "network.NetworkingConfig"
    endpoints_config: Annotated[dict[str, Endpoint | None], Go("map[string]*network.EndpointSettings")] | None = None


class CreateBody(ContainerConfig):
    """The body of create: the configuration, and in it the host part and the networks."""

    go_type: ClassVar[str] = "container.CreateRequest"
    go_root: ClassVar[str | None] = ""
    host_config: HostConfig | None = None
    networking_config: NetworkingConfig | None = None
