"""The host's device nodes that a container gets: those asked for, all for privileged, and block devices with limits.

Touches the machine by stat alone. The result goes into engine.runtime.spec.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Any

from engine.containers.config import Device, HostConfig
from engine.errors import EngineError
from engine.lean_dataclasses import dataclass, field
from engine.runtime.failures import CREATE_PREFIX, RUNC_REFUSED

RULES_BEFORE = 16  # that runc and dockerd put before those of a container's own devices

# Below /dev, what belongs to the container itself or to nobody (lxc's and udev's own folders).
_NOT_SHARED = {"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"}


class DeviceUnusable(EngineError):
    """A device that was asked for is none, or is not there."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f'error gathering device information while adding custom device "{path}": {cause}')
        self.path = path
        self.cause = cause


class DeviceAccessEmpty(EngineError):
    """A device without permissions; what dockerd's runtime says of it, with the place of the rule in its list."""

    def __init__(self, place: int) -> None:
        super().__init__(f"{CREATE_PREFIX}{RUNC_REFUSED}device access at {place} field cannot be empty")
        self.place = place


class DeviceDriverMissing(EngineError):
    """A request for devices that a driver is to choose, where there is no such driver."""

    def __init__(self, driver: str, capabilities: list[list[str]]) -> None:
        asked = " ".join(f"[{' '.join(words)}]" for words in capabilities)
        super().__init__(f'could not select device driver "{driver}" with capabilities: [{asked}]')
        self.driver = driver
        self.capabilities = capabilities


class InvalidCdiRequest(EngineError):
    """A request for CDI devices with something else than their names; in dockerd's words."""

    def __init__(self, what: str) -> None:
        super().__init__(f"unexpected {what} in CDI device request")
        self.what = what


class BlockDeviceUnusable(EngineError):
    """A block device with a limit is not there."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"stat {path}: {cause}")
        self.path = path
        self.cause = cause


@dataclass(frozen=True, slots=True)
class HostDevices:
    """Nodes to make (linux.devices), rules that allow them, block devices' numbers by path, names of CDI devices."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    block_numbers: dict[str, tuple[int, int]] = field(default_factory=dict)
    cdi: list[str] = field(default_factory=list)


def look_up(host: HostConfig) -> HostDevices:
    """Find every device that the container needs.

    Raises DeviceUnusable, DeviceAccessEmpty, BlockDeviceUnusable, DeviceDriverMissing, InvalidCdiRequest.
    """
    cdi: list[str] = []
    for request in host.device_requests or ():
        if request.driver != "cdi":
            raise DeviceDriverMissing(request.driver, request.capabilities or [])
        if request.count:
            raise InvalidCdiRequest("count")
        if request.options:
            raise InvalidCdiRequest("options")
        cdi += request.device_ids or []
    nodes: list[dict[str, Any]] = []
    rules: list[dict[str, Any]] = []
    if host.privileged:
        nodes += _all_nodes("/dev")
    for device in host.devices or ():
        if host.privileged and device.path_on_host == device.path_in_container:
            continue
        for node in _asked_for(device):
            nodes.append(node)
            given = device.cgroup_permissions
            if not given:
                raise DeviceAccessEmpty(RULES_BEFORE + len(rules))
            known = "".join(letter for letter in given if letter in "rwm")
            if known:  # letters that nobody knows allow nothing
                rules.append(
                    {"allow": True, "type": node["type"], "major": node["major"], "minor": node["minor"]}
                    | {"access": known}
                )
    return HostDevices(nodes, rules, _block_numbers(host), cdi)


def _asked_for(device: Device) -> list[dict[str, Any]]:
    """Return the node, or all nodes below a folder of them."""
    path = device.path_on_host
    source = os.path.realpath(path) if os.path.islink(path) else path
    inside = device.path_in_container
    try:
        node = _node(source, inside)
    except OSError as error:
        raise DeviceUnusable(path, (error.strerror or "").lower()) from error
    found = [node] if node else []
    if not found and os.path.isdir(source):
        for folder, names, files in os.walk(source):
            names.sort()
            for name in sorted(files):
                below = os.path.join(folder, name)
                if child := _node_if_there(below, inside + below[len(source) :]):
                    found.append(child)
    if not found:
        raise DeviceUnusable(path, "not a device node")
    return found


def _all_nodes(folder: str) -> Iterator[dict[str, Any]]:
    for name in sorted(os.listdir(folder)):
        path = f"{folder}/{name}"
        if os.path.isdir(path) and not os.path.islink(path):
            if name not in _NOT_SHARED:
                yield from _all_nodes(path)
        elif name != "console" and (node := _node_if_there(path, path)) and node["type"] != "p":
            yield node


def _node_if_there(path: str, inside: str) -> dict[str, Any] | None:
    try:
        return _node(path, inside)
    except OSError:
        return None


def _node(path: str, inside: str) -> dict[str, Any] | None:
    """Return a node of linux.devices for a device of the host, None for what is no device."""
    found = os.lstat(path)
    kinds = {stat.S_IFBLK: "b", stat.S_IFCHR: "c", stat.S_IFIFO: "p"}
    kind = kinds.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        return None
    return {
        "path": inside,
        "type": kind,
        "major": os.major(found.st_rdev),
        "minor": os.minor(found.st_rdev),
        "fileMode": stat.S_IMODE(found.st_mode),
        "uid": found.st_uid,
        "gid": found.st_gid,
    }


def _block_numbers(host: HostConfig) -> dict[str, tuple[int, int]]:
    numbers = {}
    throttled = (
        host.blkio_device_read_bps,
        host.blkio_device_write_bps,
        host.blkio_device_read_iops,
        host.blkio_device_write_iops,
    )
    paths = [device.path for device in host.blkio_weight_device or ()]
    paths += [device.path for devices in throttled for device in devices or ()]
    for path in paths:
        try:
            number = os.stat(path).st_rdev
        except OSError as error:
            raise BlockDeviceUnusable(path, (error.strerror or "").lower()) from error
        numbers[path] = (os.major(number), os.minor(number))
    return numbers
