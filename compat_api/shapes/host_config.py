"""A container's configuration and host configuration as Docker's JSON, in dockerd's order of fields. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from functools import cache
from typing import Any, cast

from compat_api.names import docker_name
from engine.containers.config import ContainerConfig, Healthcheck, HostConfig

Json = dict[str, Any]

# In dockerd's order; a question mark stands after what is left out when it is empty.
_HOST_NAMES = """
    binds container_id_file log_config network_mode port_bindings restart_policy auto_remove volume_driver volumes_from
    console_size annotations? cap_add cap_drop cgroupns_mode dns dns_options dns_search extra_hosts group_add ipc_mode
    cgroup links oom_score_adj pid_mode privileged publish_all_ports readonly_rootfs security_opt storage_opt? tmpfs?
    uts_mode userns_mode shm_size sysctls? runtime? isolation cpu_shares memory nano_cpus cgroup_parent blkio_weight
    blkio_weight_device blkio_device_read_bps blkio_device_write_bps blkio_device_read_iops blkio_device_write_iops
    cpu_period cpu_quota cpu_realtime_period cpu_realtime_runtime cpuset_cpus cpuset_mems devices device_cgroup_rules
    device_requests kernel_memory? kernel_memory_tcp? memory_reservation memory_swap memory_swappiness
    oom_kill_disable pids_limit ulimits cpu_count cpu_percent io_maximum_iops io_maximum_bandwidth mounts? masked_paths
    readonly_paths init?
"""
_CONFIG_NAMES = """
    hostname domainname user attach_stdin attach_stdout attach_stderr exposed_ports? tty open_stdin stdin_once env cmd
    healthcheck? args_escaped? image volumes working_dir entrypoint network_disabled? mac_address? on_build labels
    stop_signal? stop_timeout? shell?
"""
_ATOMS = frozenset((type(None), str, int, float, bool))
_ORDERS = {"Ulimit": ("name", "hard", "soft")}  # where dockerd's order is not the record's
_OPTION_ORDERS = {
    "BindOptions": (
        "Propagation",
        "NonRecursive",
        "CreateMountpoint",
        "ReadOnlyNonRecursive",
        "ReadOnlyForceRecursive",
    ),
    "VolumeOptions": ("NoCopy", "Labels", "Subpath", "DriverConfig"),
    "ImageOptions": ("Subpath",),
    "TmpfsOptions": ("SizeBytes", "Mode", "Options"),
}


def _fields(names: str) -> list[tuple[str, str, bool]]:
    """Return (the record's name, Docker's name, whether it is left out when empty) for each."""
    return [(each.rstrip("?"), docker_name(each.rstrip("?")), each.endswith("?")) for each in names.split()]


_HOST = _fields(_HOST_NAMES)
_CONFIG = _fields(_CONFIG_NAMES)


def host_config(host: HostConfig, container_name: str, links: Sequence[tuple[str, str]] = ()) -> Json:
    """Return HostConfig; links, (container, alias), are told as dockerd does, from the other's name to ours."""
    found: Json = {}
    for name, key, omit in _HOST:
        value = getattr(host, name)
        if omit and (value is None or value in ({}, [], "") or (type(value) is int and value == 0)):
            continue
        found[key] = value if type(value) in _ATOMS else plain(value)
    found["Links"] = [f"/{other}:/{container_name}/{alias}" for other, alias in links if alias] or None
    if host.mounts:
        found["Mounts"] = [_mount(plain(each)) for each in host.mounts]
    return found


def container_config(config: ContainerConfig, mac_address: str) -> Json:
    """Return Config; mac_address is the one asked for on the container's main network, which it repeats."""
    found: Json = {}
    for name, key, omit in _CONFIG:
        value: Any = mac_address if name == "mac_address" else getattr(config, name)
        if name in ("exposed_ports", "volumes") and value is not None:
            value = {each: {} for each in sorted(value)}
        elif name == "labels":
            value = dict(sorted((value or {}).items()))
        elif name == "healthcheck" and value is not None:
            value = _healthcheck(value)
        if omit and not value and (value is None or name not in ("healthcheck", "stop_timeout")):
            continue
        found[key] = value
    return found


def plain(value: Any) -> Any:
    """Return a record, or what records are made of, as JSON with Docker's names; the keys of maps are sorted."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is list or kind is tuple:
        return [plain(each) for each in value]
    if kind is dict:
        return {key: plain(value[key]) for key in sorted(value)}
    return {key: plain(getattr(value, name)) for name, key in _names_of(cast(Hashable, kind))}


@cache
def _names_of(kind: Any) -> list[tuple[str, str]]:
    """Return the names of a record's fields, and Docker's for them."""
    names = _ORDERS.get(kind.__name__) or [each.name for each in dataclasses.fields(kind)]
    return [(name, docker_name(name)) for name in names]


def _healthcheck(check: Healthcheck) -> Json:
    found = plain(check)
    return {key: found[key] for key in found if found[key]}


def _mount(mount: Json) -> Json:
    """Leave out what is empty, and put the options in order; an options object that was given stays."""
    found = {key: value for key, value in mount.items() if value or (key in _OPTION_ORDERS and value is not None)}
    for key in found.keys() & _OPTION_ORDERS.keys():
        found[key] = {name: found[key][name] for name in _OPTION_ORDERS[key] if found[key].get(name)}
    order = ("Type", "Source", "Target", "ReadOnly", "Consistency", *_OPTION_ORDERS)
    return {key: found[key] for key in order if key in found}
