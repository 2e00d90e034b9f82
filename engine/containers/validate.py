"""Whether a container can be what a client asks for: every check that create makes before it makes anything.

The checks and their order are dockerd's, and str() of what they raise is dockerd's message. Pure but for one look
whether the sources of Mounts are there. What concerns an existing object (image, network, name, another
container, runtime) is checked by create itself.
"""

from __future__ import annotations

import posixpath

from engine.containers import mounts
from engine.containers.config import ContainerConfig, Healthcheck, HostConfig, RestartPolicy
from engine.errors import EngineError, InvalidParameter
from engine.lean_dataclasses import replace
from engine.runtime import capabilities, facts, limits
from engine.runtime.cgroups import check_parent
from engine.runtime.facts import HostFacts
from engine.runtime.limits import InvalidLimit, check_limits
from engine.runtime.security import parse_security_options

MINIMUM_DURATION = 1_000_000  # nanoseconds
RESTART_POLICIES = ("no", "always", "on-failure", "unless-stopped")
HOST_GATEWAY = "host-gateway"


class InvalidSetting(InvalidParameter):
    """A value that a field cannot have; setting is the field's name in ContainerConfig or HostConfig."""

    def __init__(self, setting: str, cause: str) -> None:
        super().__init__(cause)
        self.setting = setting
        self.cause = cause


class ConflictingSettings(InvalidParameter):
    """Values that exclude each other."""

    def __init__(self, settings: tuple[str, str], cause: str) -> None:
        super().__init__(f"conflicting options: {cause}")
        self.settings = settings
        self.cause = cause


class InvalidNamespaceMode(InvalidParameter):
    """A mode of a namespace that does not exist; kind is IPC, PID, UTS or "cgroup namespace"."""

    def __init__(self, kind: str, mode: str) -> None:
        super().__init__(f"invalid {kind} mode: {mode}")
        self.kind = kind
        self.mode = mode


class InvalidRestartPolicy(InvalidParameter):
    """A restart policy that cannot be followed."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"invalid restart policy: {cause}")
        self.cause = cause


class UnsupportedStorageOption(EngineError):
    """An option of the container's layer; dockerd takes this for a failure of its own."""

    def __init__(self, option: str) -> None:
        known = "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
        super().__init__(known if option == "size" else f"Unknown option {option}")
        self.option = option


class InvalidCapability(InvalidParameter):
    """A capability of CapAdd or CapDrop that cannot be given; setting is the field's name."""

    def __init__(self, setting: str, cause: InvalidParameter) -> None:
        super().__init__(f"invalid {setting}: {cause}")
        self.setting = setting
        self.cause = cause


def validate(config: ContainerConfig, host: HostConfig, known: HostFacts | None = None) -> list[str]:
    """Return the warnings that create answers with; known are the machine's facts, by default this one's.

    Raises InvalidParameter subclasses of this module, of engine.runtime and of engine.containers.mount_syntax.
    """
    known = known or facts.gather()
    check_request(config, host, known)
    check_config(config)
    if not host.restart_policy.name:
        host = replace(host, restart_policy=replace(host.restart_policy, name="no"))
    warnings = check_host(host, known)
    return [*warnings, *check_platform(host, known)]


def check_request(config: ContainerConfig, host: HostConfig, known: HostFacts | None = None) -> None:
    """Refuse what dockerd does while it reads a request, before it looks at the API version. Raises as validate."""
    check_network_mode(config, host)
    if host.isolation not in ("", "default"):
        raise InvalidSetting("isolation", f"invalid isolation ({host.isolation}): linux only supports 'default'")
    _check_bandwidth(host)
    limits.check_request(host, (known or facts.gather()).support)


def validate_again(host: HostConfig) -> None:
    """Check before a start what this machine gives a container. Raises as the checks that create makes."""
    known = facts.gather()
    check_host(host, known)
    check_platform(host, known)
    check_security(host)


def check_config(config: ContainerConfig) -> None:
    """Check what an image can say, too. Raises InvalidSetting and InvalidSignal."""
    if config.working_dir and not config.working_dir.startswith("/"):
        raise InvalidSetting(
            "working_dir",
            f"the working directory '{config.working_dir}' is invalid, it needs to be an absolute path",
        )
    if config.stop_signal:
        from engine.containers.signals import parse_signal

        parse_signal(config.stop_signal)
    for entry in config.env or ():
        if not entry.partition("=")[0]:
            raise InvalidSetting("env", f"invalid environment variable: {entry}")
    if config.healthcheck:
        check_healthcheck(config.healthcheck)


def check_healthcheck(healthcheck: Healthcheck) -> None:
    """Check a probe's times. Raises InvalidSetting."""
    durations = {
        "Interval": healthcheck.interval,
        "Timeout": healthcheck.timeout,
        "Retries": None,
        "StartPeriod": healthcheck.start_period,
        "StartInterval": healthcheck.start_interval,
    }
    for name, duration in durations.items():
        if duration is None and healthcheck.retries < 0:
            raise InvalidSetting("healthcheck", "Retries in Healthcheck cannot be negative")
        if duration and duration < MINIMUM_DURATION:
            raise InvalidSetting("healthcheck", f"{name} in Healthcheck cannot be less than 1ms")


def check_network_mode(config: ContainerConfig, host: HostConfig) -> None:
    """Refuse what a container that shares a network or host name cannot have. Raises ConflictingSettings."""
    if host.network_mode == "container" or host.network_mode.startswith("container:"):
        if not host.network_mode.partition(":")[2]:
            raise InvalidSetting("network_mode", "invalid network mode: invalid container format container:<name|id>")
        conflicts = (
            ("hostname", config.hostname, "hostname and the network mode"),
            (
                "links",
                host.links,
                "container type network can't be used with links. This would result in undefined behavior",
            ),
            ("dns", host.dns, "dns and the network mode"),
            ("extra_hosts", host.extra_hosts, "custom host-to-IP mapping and the network mode"),
            (
                "port_bindings",
                host.port_bindings or host.publish_all_ports,
                "port publishing and the container type network mode",
            ),
            ("exposed_ports", config.exposed_ports, "port exposing and the container type network mode"),
        )
        for setting, value, cause in conflicts:
            if value:
                raise ConflictingSettings(("network_mode", setting), cause)
    if host.uts_mode == "host" and config.hostname:
        raise ConflictingSettings(("uts_mode", "hostname"), "hostname and the UTS mode")
    if host.network_mode == "host" and host.links:
        raise ConflictingSettings(
            ("network_mode", "links"),
            "host type networking can't be used with links. This would result in undefined behavior",
        )


def check_host(host: HostConfig, known: HostFacts) -> list[str]:
    """Check what does not depend on the machine's limits; returns warnings. Raises InvalidParameter subclasses."""
    if host.auto_remove and host.restart_policy.name not in ("", "no"):
        raise InvalidSetting("auto_remove", "can't create 'AutoRemove' container with restart policy")
    mounts.check(host)
    for entry in host.extra_hosts or ():
        check_extra_host(entry)
    _check_ports(host)
    check_restart_policy(host.restart_policy)
    for setting, names in (("CapAdd", host.cap_add), ("CapDrop", host.cap_drop)):
        try:
            capabilities.normalise(names, known.capabilities)
        except InvalidParameter as error:
            raise InvalidCapability(setting, error) from error
    if "" in (host.annotations or ()):
        raise InvalidSetting(
            "annotations", "invalid Annotations: the empty string is not permitted as an annotation key"
        )
    return []


def check_platform(host: HostConfig, known: HostFacts) -> list[str]:
    """Check limits and namespaces against the machine; returns warnings. Raises InvalidParameter subclasses."""
    warnings = check_limits(host, known.support)
    # A container without a name passes here, as with dockerd.
    if not _valid_shared(host.ipc_mode, ("", "private", "host", "shareable", "none", "container:")):
        raise InvalidNamespaceMode("IPC", host.ipc_mode)
    if not _valid_shared(host.pid_mode, ("", "host")):
        raise InvalidNamespaceMode("PID", host.pid_mode)
    if host.shm_size < 0:
        raise InvalidLimit("shm_size", "SHM size can not be less than 0")
    if host.uts_mode not in ("", "host"):
        raise InvalidNamespaceMode("UTS", host.uts_mode)
    if not -1000 <= host.oom_score_adj <= 1000:
        raise InvalidLimit(
            "oom_score_adj", f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]"
        )
    if host.network_mode == "host" and host.port_bindings:
        warnings.append("Published ports are discarded when using host network mode")
    check_parent(host.cgroup_parent, known.cgroups)
    mounts.check_tmpfs(host)
    if host.cgroupns_mode not in ("", "host", "private"):
        raise InvalidNamespaceMode("cgroup namespace", host.cgroupns_mode)
    if host.cgroupns_mode == "private" and not known.support.cgroup_namespaces:
        warnings.append("Your kernel does not support cgroup namespaces.  Cgroup namespace setting discarded.")
    return warnings


def check_security(host: HostConfig) -> None:
    """Check what dockerd looks at only while it makes the container. Raises as parse_security_options and above."""
    parse_security_options(host.security_opt)
    for option in host.storage_opt or ():
        raise UnsupportedStorageOption(option.lower())


def check_restart_policy(policy: RestartPolicy) -> None:
    """Check a restart policy alone, as update does, too. Raises InvalidRestartPolicy."""
    if not policy.name:
        return  # whatever its count, as clients of before version 25 sent it
    if policy.name not in RESTART_POLICIES:
        raise InvalidRestartPolicy(
            f"unknown policy '{policy.name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    if policy.name == "on-failure":
        if policy.maximum_retry_count < 0:
            raise InvalidRestartPolicy("maximum retry count cannot be negative")
    elif policy.maximum_retry_count:
        negative = " and cannot be negative" if policy.maximum_retry_count < 0 else ""
        raise InvalidRestartPolicy(f"maximum retry count can only be used with 'on-failure'{negative}")


def check_extra_host(entry: str) -> None:
    """Check an entry of ExtraHosts: name:address. Raises InvalidSetting."""
    name, colon, address = entry.partition(":")
    if not colon or not name:
        raise InvalidSetting("extra_hosts", f'bad format for add-host: "{entry}"')
    if address != HOST_GATEWAY:
        import ipaddress

        try:
            ipaddress.ip_address(address.strip())
        except ValueError as error:
            raise InvalidSetting("extra_hosts", f'invalid IP address in add-host: "{address}"') from error


def normalise_config(config: ContainerConfig) -> ContainerConfig:
    """Return the configuration with its working directory in the shortest form."""
    return replace(config, working_dir=posixpath.normpath(config.working_dir)) if config.working_dir else config


def _check_bandwidth(host: HostConfig) -> None:
    for setting, value, what in (
        ("io_maximum_bandwidth", host.io_maximum_bandwidth, "bandwidth"),
        ("io_maximum_iops", host.io_maximum_iops, "IOPs"),
    ):
        if value:
            raise InvalidSetting(setting, f"invalid option: QoS maximum {what} configuration is not supported on linux")


def _check_ports(host: HostConfig) -> None:
    for port, bindings in (host.port_bindings or {}).items():
        _check_port(port.partition("/")[0], ranges=False)
        for binding in bindings or ():
            _check_port(binding.host_port.partition("/")[0], ranges=True)


def _check_port(text: str, *, ranges: bool) -> None:
    parts = text.split("-", 1) if ranges else [text]
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit() and int(part) <= 65535]
    if text and (len(numbers) < len(parts) or numbers[0] > numbers[-1]):
        raise InvalidSetting("port_bindings", f'invalid port specification: "{text}"')


def _valid_shared(mode: str, words: tuple[str, ...]) -> bool:
    kind, colon, name = mode.partition(":")
    return mode in words or (kind == "container" and bool(colon) and bool(name))
