"""linux.resources of the runtime spec: what of the machine a container may use.

Pure: block devices come as numbers that engine.runtime.devices looked up. Also called by the update verb, which
hands the result to the runtime's own update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.containers.config import HostConfig, ThrottleDevice
from engine.errors import InvalidParameter
from engine.runtime.cgroups import V2, CgroupLayout

PERIOD = 100_000  # microseconds over which NanoCpus is spread
UNLIMITED = -1

Numbers = Mapping[str, tuple[int, int]]  # a block device's major and minor by its path


class InvalidDeviceRule(InvalidParameter):
    """A device cgroup rule that is not like "c 1:3 rwm"."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"invalid device cgroup rule format: '{rule}'")
        self.rule = rule


def _rule(allow: bool, kind: str = "", major: int | None = None, minor: int | None = None) -> dict[str, Any]:
    rule: dict[str, Any] = {"allow": allow}
    if kind:
        rule |= {"type": kind, "major": major, "minor": minor}
    return rule | {"access": "rwm"}


# zero, null, urandom, random, tty and console, and no fuse; the runtime adds full, ptmx and the terminals. runc adds
# net/tun of its own, too, which crun 1.8 does not.
DEFAULT_DEVICE_RULES: tuple[dict[str, Any], ...] = (
    _rule(False),
    *(_rule(True, "c", major, minor) for major, minor in ((1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1), (10, 200))),
    _rule(False, "c", 10, 229),
)


def resources(
    host: HostConfig, device_rules: Sequence[dict[str, Any]], block_devices: Numbers, layout: CgroupLayout
) -> dict[str, Any]:
    """Return linux.resources. device_rules come after the default ones; see device_cgroup."""
    made: dict[str, Any] = {"devices": device_cgroup(host, device_rules)}
    parts = {
        "memory": memory(host, layout),
        "cpu": cpu(host),
        "blockIO": block_io(host, block_devices),
        "pids": pids(host),
    }
    return made | {name: part for name, part in parts.items() if part}


def device_cgroup(host: HostConfig, device_rules: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the device rules, later ones winning: the defaults, then all for privileged, else the devices' and own.

    Raises InvalidDeviceRule.
    """
    if host.privileged:
        return [*DEFAULT_DEVICE_RULES, _rule(True)]
    return [*DEFAULT_DEVICE_RULES, *device_rules, *(parse_device_rule(rule) for rule in host.device_cgroup_rules or ())]


def parse_device_rule(rule: str) -> dict[str, Any]:
    """Turn "c 1:* rwm" into a rule of the spec, in which a number that is left out stands for any.

    dockerd writes -1 there, which runc takes for the same, but crun on cgroup v1 does not. Raises InvalidDeviceRule.
    """
    parts = rule.split(" ")
    if len(parts) != 3 or parts[0] not in ("a", "b", "c") or not 1 <= len(parts[2]) <= 3 or set(parts[2]) - set("rwm"):
        raise InvalidDeviceRule(rule)
    numbers = parts[1].split(":")
    if len(numbers) != 2 or not all(text == "*" or (text.isascii() and text.isdigit()) for text in numbers):
        raise InvalidDeviceRule(rule)
    given = {name: int(text) for name, text in zip(("major", "minor"), numbers, strict=True) if text != "*"}
    return {"allow": True, "type": parts[0], **given, "access": parts[2]}


def memory(host: HostConfig, layout: CgroupLayout) -> dict[str, Any]:
    """Return the memory limits, in bytes; swap counts memory and swap together."""
    made: dict[str, Any] = {}
    if host.memory > 0:
        made["limit"] = host.memory
    if host.memory_reservation > 0:
        made["reservation"] = host.memory_reservation
    # -1 is no limit, which is what a cgroup has unless told otherwise.
    if host.memory_swap > 0:
        made["swap"] = host.memory_swap
    if host.kernel_memory_tcp > 0 and layout.mode != V2:
        made["kernelTCP"] = host.kernel_memory_tcp
    if host.memory_swappiness is not None and host.memory_swappiness >= 0 and layout.mode != V2:
        made["swappiness"] = host.memory_swappiness
    if host.oom_kill_disable and layout.mode != V2:
        made["disableOOMKiller"] = True
    return made


def cpu(host: HostConfig) -> dict[str, Any]:
    """Return the processor limits; quota and period are microseconds.

    A quota below 0 asks for none, which is what a new cgroup has; dockerd says so, but the kernel refuses what crun 1.8
    makes of it.
    """
    made: dict[str, Any] = {}
    if host.nano_cpus > 0:
        made |= {"period": PERIOD, "quota": host.nano_cpus * PERIOD // 1_000_000_000}
    given = {
        "shares": host.cpu_shares,
        "period": host.cpu_period,
        "quota": max(0, host.cpu_quota),
        "realtimePeriod": host.cpu_realtime_period,
        "realtimeRuntime": host.cpu_realtime_runtime,
        "cpus": host.cpuset_cpus,
        "mems": host.cpuset_mems,
    }
    return made | {name: value for name, value in given.items() if value}


def pids(host: HostConfig) -> dict[str, Any]:
    """Return the limit on processes; what is not above 0 asks for none, which is what a new cgroup has.

    dockerd says -1 then, but crun before 1.9 writes that to the kernel, which refuses it.
    """
    return {"limit": host.pids_limit} if (host.pids_limit or 0) > 0 else {}


def block_io(host: HostConfig, numbers: Numbers) -> dict[str, Any]:
    """Return the weights and limits of block devices."""
    made: dict[str, Any] = {}
    if host.blkio_weight:
        made["weight"] = host.blkio_weight
    if host.blkio_weight_device:
        made["weightDevice"] = [
            _numbered(numbers[device.path]) | {"weight": device.weight} for device in host.blkio_weight_device
        ]
    throttles = {
        "throttleReadBpsDevice": host.blkio_device_read_bps,
        "throttleWriteBpsDevice": host.blkio_device_write_bps,
        "throttleReadIOPSDevice": host.blkio_device_read_iops,
        "throttleWriteIOPSDevice": host.blkio_device_write_iops,
    }
    return made | {name: _throttles(devices, numbers) for name, devices in throttles.items() if devices}


def _throttles(devices: Sequence[ThrottleDevice], numbers: Numbers) -> list[dict[str, int]]:
    return [_numbered(numbers[device.path]) | {"rate": device.rate} for device in devices]


def _numbered(number: tuple[int, int]) -> dict[str, int]:
    return {"major": number[0], "minor": number[1]}
