"""A container as the state database knows it: what it was made from, and how it stands now.

The definition never changes but by update and rename and is stored as JSON (engine.state.codec); the state
lies in columns of its own, so that a verb changes it together with the event that tells of it.
"""

from __future__ import annotations

from engine.containers.config import ContainerConfig, EndpointRequest, HostConfig, MountPoint
from engine.lean_dataclasses import dataclass, field

CREATED = "created"
RUNNING = "running"
PAUSED = "paused"
RESTARTING = "restarting"
EXITED = "exited"
REMOVING = "removing"
DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Definition:
    """What a container was made from; config is already merged with the image's."""

    config: ContainerConfig = field(default_factory=ContainerConfig)
    host: HostConfig = field(default_factory=HostConfig)
    endpoints: dict[str, EndpointRequest] = field(default_factory=dict)  # by network name, as asked for
    mounts: list[MountPoint] = field(default_factory=list)
    path: str = ""  # the program, then its arguments: entrypoint and cmd put together
    args: list[str] = field(default_factory=list)
    runtime: str = ""
    platform: str = "linux"
    unconnected: bool = False  # somebody took it out of its last network, so its mode names none either


@dataclass(frozen=True, slots=True)
class State:
    """How a container stands; times are nanoseconds since 1970, 0 for never."""

    status: str = CREATED
    pid: int = 0
    monitor_pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started: int = 0
    finished: int = 0
    restart_count: int = 0
    run: int = 0  # how often it was started; tells one run's exit from the next one's
    intent: str = ""  # a verb that has begun to change the machine and has not said that it is done
    boot_id: str = ""  # the boot in which it was last started
    keep: bool = False  # its next end is part of a restart, so it is not removed then
    stop_requested: bool = False  # this run was told to end, so no restart policy brings it back
    manual_stop: bool = False  # and by a user: unless-stopped leaves it stopped after the next boot
    backoff: int = 0  # milliseconds that its last restart waited
    health: str = ""  # starting, healthy or unhealthy; "" for a container that is not checked, or never ran
    health_streak: int = 0  # probes that failed since the last one that did not

    @property
    def alive(self) -> bool:
        """Whether the container has a process: running or paused."""
        return self.status in (RUNNING, PAUSED)


@dataclass(frozen=True, slots=True)
class Probe:
    """What one look at a container's health found; times are nanoseconds since 1970."""

    started: int
    finished: int
    exit_code: int
    output: str


@dataclass(frozen=True, slots=True)
class ConnectedEndpoint:
    """A container's place in one network while it runs; addresses are empty when it does not."""

    network_id: str = ""
    endpoint_id: str = ""
    ip_address: str = ""
    ip_prefix_len: int = 0
    gateway: str = ""
    ipv6_address: str = ""
    ipv6_prefix_len: int = 0
    ipv6_gateway: str = ""
    mac_address: str = ""
    dns_names: list[str] | None = None


@dataclass(frozen=True, slots=True)
class NetworkState:
    """What connects a container now; stored in containers.network."""

    sandbox_id: str = ""
    sandbox_key: str = ""
    endpoints: dict[str, ConnectedEndpoint] = field(default_factory=dict)  # by network name
    ports: dict[str, list[tuple[str, str]] | None] = field(default_factory=dict)  # "80/tcp": [(host ip, host port)]

    def disconnected(self) -> NetworkState:
        """Return what is left to be told of it when the container has ended: which networks they were."""
        return NetworkState(
            endpoints={
                name: ConnectedEndpoint(end.network_id, dns_names=end.dns_names) for name, end in self.endpoints.items()
            }
        )


@dataclass(frozen=True, slots=True)
class Container:
    """One container: identity, definition, state and network."""

    id: str
    name: str
    created: int
    image_id: str  # hex, without sha256:
    definition: Definition
    state: State
    network: NetworkState
    exec_ids: list[str] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)  # the last five of its health check

    @property
    def config(self) -> ContainerConfig:
        """The merged configuration."""
        return self.definition.config

    @property
    def host(self) -> HostConfig:
        """What this machine gives it."""
        return self.definition.host
