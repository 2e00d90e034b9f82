"""From the body of create to the engine's records: what depends on the API version, then a mechanical conversion.

The differences between versions are the table VERSIONS, applied to the body in its order. Pure, but that it
changes the body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from compat_api import versions
from compat_api.body import blank
from compat_api.problems import Problem
from engine.containers.config import ContainerConfig, EndpointRequest, HostConfig
from engine.containers.mount_syntax import check_options_fit
from engine.containers.record import ConnectedEndpoint
from engine.errors import InvalidParameter, listed
from engine.lean_dataclasses import fields
from engine.state.codec import from_plain

if TYPE_CHECKING:
    from compat_api.models.containers import CreateBody, Endpoint, NetworkingConfig
    from compat_api.models.containers import HostConfig as HostBody

Version = tuple[int, ...]
SYSCTLS = "com.docker.network.endpoint.sysctls"
# What a network gives, of an endpoint's fields; a MAC address is asked for, too.
_GIVEN = tuple(each.name for each in fields(ConnectedEndpoint) if each.name != "mac_address")


def complete(body: CreateBody) -> tuple[HostBody, NetworkingConfig]:
    """Give a body the parts that it lacks, and the default network its name."""
    host = body.host_config = body.host_config or blank("containers:HostConfig")
    networking = body.networking_config = body.networking_config or blank("containers:NetworkingConfig")
    endpoints = networking.endpoints_config = networking.endpoints_config or {}
    if host.network_mode in ("", "default"):
        host.network_mode = "bridge"
        if "default" in endpoints:
            endpoints["bridge"] = endpoints.pop("default")
    return host, networking


def adapt(body: CreateBody, version: Version) -> list[str]:
    """Make a body mean what it meant in an API version; returns warnings. Raises InvalidParameter and Problem."""
    host, networking = complete(body)
    try:
        return _adapted(body, host, networking, version)
    except (InvalidParameter, Problem):
        from engine.containers.validate import check_request

        check_request(_config_record(body), _host_record(host))  # what dockerd refuses first
        raise


def _adapted(body: CreateBody, host: HostBody, networking: NetworkingConfig, version: Version) -> list[str]:
    for below, change in VERSIONS:
        if version < below:
            change(body, host, networking)
    if version >= versions.NO_KERNEL_MEMORY:
        for mount in host.mounts or ():
            check_options_fit(mount)
        host.kernel_memory = 0  # no longer a field of the API
    warnings = [_volume_driver(host)] if version >= versions.IMAGE_MOUNTS else []
    warnings.append(_mac_address(body, host, networking, version))
    warnings.append(_interface_sysctls(host, networking, version))
    if host.pids_limit is not None and host.pids_limit <= 0:
        host.pids_limit = None
    return [each for each in warnings if each]


def records(body: CreateBody) -> tuple[ContainerConfig, HostConfig, dict[str, EndpointRequest]]:
    """Turn an adapted body into the engine's records; raises InvalidParameter."""
    host, networking = complete(body)
    endpoints = networking.endpoints_config or {}
    missing = [name for name, endpoint in endpoints.items() if endpoint is None]
    if missing:
        raise InvalidParameter(
            listed([f"invalid config for network {name}: EndpointsConfig is nil" for name in sorted(missing)])
        )
    return (
        _config_record(body),
        _host_record(host),
        {name: _endpoint(endpoint) for name, endpoint in endpoints.items() if endpoint is not None},
    )


def _config_record(body: CreateBody) -> ContainerConfig:
    plain = body.model_dump(exclude={"host_config", "networking_config"})
    for name in ("exposed_ports", "volumes"):
        plain[name] = None if plain[name] is None else list(plain[name])
    return from_plain(ContainerConfig, plain)


def _host_record(host: HostBody) -> HostConfig:
    plain = host.model_dump(exclude={"mounts"})
    plain["console_size"] = [*host.console_size, 0, 0][:2]
    if host.mounts is not None:
        plain["mounts"] = [each.model_dump() | _options(each) for each in host.mounts]
    return from_plain(HostConfig, plain)


def _options(mount: Any) -> dict[str, dict[str, object] | None]:
    """Return each type's options under Docker's names, without what is empty."""
    found: dict[str, dict[str, object] | None] = {}
    for name in ("bind_options", "volume_options", "image_options", "tmpfs_options"):
        options = getattr(mount, name)
        found[name] = None if options is None else options.model_dump(by_alias=True, exclude_defaults=True)
    return found


def endpoint_request(endpoint: Endpoint | None) -> EndpointRequest:
    """Return how a container is to be connected to one network."""
    return EndpointRequest() if endpoint is None else _endpoint(endpoint)


def told(body: CreateBody) -> dict[str, ConnectedEndpoint]:
    """Return what a body says that networks gave, by their names: shown until a start, whose word counts."""
    found = {}
    for name, endpoint in ((body.networking_config and body.networking_config.endpoints_config) or {}).items():
        if endpoint is not None:
            given = from_plain(ConnectedEndpoint, {each: getattr(endpoint, each) for each in _GIVEN})
            if given != ConnectedEndpoint():
                found[name] = given
    return found


def _endpoint(endpoint: Endpoint) -> EndpointRequest:
    plain = endpoint.model_dump(exclude={"ipam_config", *_GIVEN})
    if endpoint.ipam_config is not None:
        plain |= endpoint.ipam_config.model_dump() | {"ipam_given": True}
    return from_plain(EndpointRequest, plain)


# -- what changed, and in which version


def _client_removes(body: CreateBody, host: HostBody, networking: NetworkingConfig) -> None:
    host.auto_remove = False


def _recursive_binds_and_shareable_ipc(body: CreateBody, host: HostBody, networking: NetworkingConfig) -> None:
    for mount in host.mounts or ():
        if mount.bind_options is not None:
            mount.bind_options.non_recursive = False
    host.kernel_memory_tcp = 0
    host.ipc_mode = host.ipc_mode or "shareable"


def _mounts_of_old(body: CreateBody, host: HostBody, networking: NetworkingConfig) -> None:
    for mount in host.mounts or ():
        if mount.bind_options is not None:
            mount.bind_options.create_mountpoint = False
    host.console_size = [0, 0]


def _no_annotations(body: CreateBody, host: HostBody, networking: NetworkingConfig) -> None:
    host.annotations = None


def _one_network(body: CreateBody, host: HostBody, networking: NetworkingConfig) -> None:
    if body.healthcheck is not None:
        body.healthcheck.start_interval = 0
    for mount in host.mounts or ():
        if mount.type == "bind" and mount.bind_options is not None:
            if mount.bind_options.read_only_force_recursive:
                raise InvalidParameter("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer")
            mount.bind_options.read_only_non_recursive = mount.read_only
    names = list(networking.endpoints_config or {})
    if len(names) > 1:
        raise InvalidParameter(f"Container cannot be created with multiple network endpoints: {', '.join(names)}")


def _no_subpath(body: CreateBody, host: HostBody, networking: NetworkingConfig) -> None:
    if any(mount.volume_options is not None and mount.volume_options.subpath for mount in host.mounts or ()):
        raise InvalidParameter("VolumeOptions.Subpath needs API v1.45 or newer")


def _no_priorities_and_image_mounts(body: CreateBody, host: HostBody, networking: NetworkingConfig) -> None:
    for endpoint in (networking.endpoints_config or {}).values():
        if endpoint is not None:
            endpoint.gw_priority = 0
    if any(mount.type == "image" for mount in host.mounts or ()):
        raise InvalidParameter('Mount type "Image" needs API v1.48 or newer')


# Below a version, what the change that came with it has to be undone by.
VERSIONS: tuple[tuple[Version, Callable[[CreateBody, HostBody, NetworkingConfig], None]], ...] = (
    (versions.ENGINE_REMOVES, _client_removes),
    (versions.PRIVATE_IPC, _recursive_binds_and_shareable_ipc),
    (versions.MISPLACED_OPTIONS_REFUSED, _mounts_of_old),
    (versions.ANNOTATIONS, _no_annotations),
    (versions.SEVERAL_NETWORKS, _one_network),
    (versions.SUBPATHS_OF_VOLUMES, _no_subpath),
    (versions.IMAGE_MOUNTS, _no_priorities_and_image_mounts),
)


def _volume_driver(host: HostBody) -> str:
    for mount in host.mounts or () if host.volume_driver else ():
        options = mount.volume_options
        own = options is not None and options.driver_config is not None and options.driver_config.name
        if mount.type == "volume" and not own:
            return (
                "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via "
                "'mount'. Use '--mount type=volume,volume-driver=...' instead"
            )
    return ""


def _mac_address(body: CreateBody, host: HostBody, networking: NetworkingConfig, version: Version) -> str:
    """Move the container's own MAC address to its main network, where it belongs since 1.44."""
    asked, body.mac_address = body.mac_address, ""
    connected = host.network_mode not in ("host", "none") and not host.network_mode.startswith("container:")
    if version < versions.SEVERAL_NETWORKS:
        if not asked:
            for endpoint in (networking.endpoints_config or {}).values():
                if endpoint is not None:
                    endpoint.mac_address = ""
        elif not connected:
            raise InvalidParameter("conflicting options: mac-address and the network mode")
        else:
            _main_endpoint(host, networking, version).mac_address = asked
        return ""
    if not asked:
        return ""
    if connected:
        try:
            endpoint = _main_endpoint(host, networking, version)
        except InvalidParameter as error:
            raise InvalidParameter(
                f"unable to migrate container-wide MAC address to a specific network: {error}"
            ) from None
        if endpoint.mac_address not in ("", asked):
            raise InvalidParameter(
                "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
                "or be left empty"
            )
        endpoint.mac_address = asked
    return "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."


def _interface_sysctls(host: HostBody, networking: NetworkingConfig, version: Version) -> str:
    """Move sysctls of eth0 to the main network's endpoint, as versions before 1.48 allowed."""
    if host.network_mode == "host" or host.network_mode.startswith("container:"):
        return ""
    moved: list[str] = []
    settings: list[str] = []
    for key, value in (host.sysctls or {}).items():
        parts = key.split(".", 4)
        if len(parts) < 5 or parts[0] != "net" or not parts[3].startswith("eth"):
            continue
        if version >= versions.SYSCTLS_BY_INTERFACE:
            raise Problem(
                f"interface specific sysctl setting \"{key}\" must be supplied using driver option '{SYSCTLS}'"
            )
        if parts[3] != "eth0":
            raise Problem(
                f"unable to determine network endpoint for sysctl {key}, use driver option '{SYSCTLS}' to set "
                "per-interface sysctls"
            )
        moved.append(key)
        settings.append(f"net.{parts[1]}.{parts[2]}.IFNAME.{parts[4]}={value}")
    if not moved:
        return ""
    endpoint = _main_endpoint(host, networking, version)
    given = ",".join(settings)
    options = endpoint.driver_opts = endpoint.driver_opts or {}
    options[SYSCTLS] = f"{given},{options[SYSCTLS]}" if SYSCTLS in options else given
    host.sysctls = {key: value for key, value in (host.sysctls or {}).items() if key not in moved}
    return f'Migrated sysctl "{",".join(moved)}" to DriverOpts{{"{SYSCTLS}":"{given}"}}.'


def _main_endpoint(host: HostBody, networking: NetworkingConfig, version: Version) -> Endpoint:
    """Return the endpoint in the network that the mode names, made where there is none at all."""
    endpoints = networking.endpoints_config
    if not endpoints:
        made: Endpoint = blank("containers:Endpoint")
        networking.endpoints_config = {host.network_mode: made}
        return made
    if version < versions.SEVERAL_NETWORKS:
        found = next(iter(endpoints.values()))
    else:
        found = endpoints.get(host.network_mode)
    if found is None:
        raise InvalidParameter(
            "HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks"
        )
    return found
