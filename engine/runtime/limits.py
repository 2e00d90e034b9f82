"""Limits that a client asks for, held against what they can be and what the machine can keep: dockerd's rules.

Pure. What is impossible is refused; what this machine's kernel cannot keep is left out with a warning, never
silently. Called by create and by update.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.containers.config import HostConfig
from engine.errors import InvalidParameter
from engine.lean_dataclasses import replace
from engine.runtime.support import ResourceSupport

MINIMUM_MEMORY = 6 << 20
MAXIMUM_CPU = 8192  # numbers above are not looked at, so that a range cannot fill the memory


class InvalidLimit(InvalidParameter):
    """A limit that no container can have; limit is its field of HostConfig."""

    def __init__(self, limit: str, cause: str) -> None:
        super().__init__(cause)
        self.limit = limit
        self.cause = cause


def check_limits(host: HostConfig, support: ResourceSupport, *, update: bool = False) -> list[str]:
    """Return dockerd's warnings about the limits, in its order. Raises InvalidLimit."""
    check_request(host, support)
    _check_memory(host, support, update)
    _check_kernel_memory(host, support)
    _check_cpu(host, support)
    _check_cpuset("cpus", host.cpuset_cpus if support.cpuset else "", support.cpus, "Requested CPUs")
    _check_cpuset("mems", host.cpuset_mems if support.cpuset else "", support.mems, "Requested memory nodes")
    if host.blkio_weight > 0 and support.block_weight and not 10 <= host.blkio_weight <= 1000:
        raise InvalidLimit("blkio_weight", "Range of blkio weight is from 10 to 1000")
    return _discard(host, support)[1] + _oom_warning(host, support)


def check_request(host: HostConfig, support: ResourceSupport) -> None:
    """Refuse what dockerd does while it reads a request, before all else. Raises InvalidLimit."""
    _check_realtime(host, support)
    if host.cpu_shares < 0 and support.cpu_shares:
        raise InvalidLimit("cpu_shares", f"invalid CPU shares ({host.cpu_shares}): value must be a positive integer")


def discard_unsupported(host: HostConfig, support: ResourceSupport) -> HostConfig:
    """Return the configuration without the limits that check_limits warns about."""
    host, _ = _discard(host, support)
    if not support.oom_kill_disable:
        host = replace(host, oom_kill_disable=None)
    if not support.pids:
        host = replace(host, pids_limit=None)
    return host


def parse_list(text: str, limit: int = MAXIMUM_CPU) -> set[int]:
    """Return the numbers of a list such as 0-3,7. Raises ValueError with dockerd's words."""
    numbers: set[int] = set()
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        if not (_is_number(first) and (not dash or _is_number(last))):
            raise ValueError(f"invalid format: {text}")
        low, high = int(first), int(last if dash else first)
        if high < low:
            raise ValueError(f"invalid format: {text}")
        if high > limit:
            raise ValueError(f"value of out range, maximum is {limit}")
        numbers.update(range(low, high + 1))
    return numbers


def _check_kernel_memory(host: HostConfig, support: ResourceSupport) -> None:
    if 0 < host.kernel_memory < MINIMUM_MEMORY and support.kernel_memory:
        raise InvalidLimit("kernel_memory", "Minimum kernel memory limit allowed is 6MB")


def _discard(host: HostConfig, support: ResourceSupport) -> tuple[HostConfig, list[str]]:
    """Leave out one limit after the other, as one that went may be the reason for another."""
    warnings = []
    for wanted, has, warning, without in _DISCARDS:
        if wanted(host) and not has(support):
            host = without(host)
            warnings.append(warning)
    return host, warnings


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _check_realtime(host: HostConfig, support: ResourceSupport) -> None:
    period, runtime = host.cpu_realtime_period, host.cpu_realtime_runtime
    if (period or runtime) and not support.cpu_realtime:
        raise InvalidLimit("cpu_realtime_period", "kernel does not support CPU real-time scheduler")
    if period and runtime and runtime > period:
        raise InvalidLimit("cpu_realtime_runtime", "cpu real-time runtime cannot be higher than cpu real-time period")


def _check_memory(host: HostConfig, support: ResourceSupport, update: bool) -> None:
    if host.memory != 0 and host.memory < MINIMUM_MEMORY:
        raise InvalidLimit("memory", "Minimum memory limit allowed is 6MB")
    if host.memory > 0 and support.swap and 0 < host.memory_swap < host.memory:
        raise InvalidLimit("memory_swap", "Minimum memoryswap limit should be larger than memory limit, see usage")
    if host.memory == 0 and host.memory_swap > 0 and not update:
        raise InvalidLimit(
            "memory_swap", "You should always set the Memory limit when using Memoryswap limit, see usage"
        )
    swappiness = host.memory_swappiness
    if support.swappiness and swappiness is not None and swappiness != -1 and not 0 <= swappiness <= 100:
        raise InvalidLimit("memory_swappiness", f"Invalid value: {swappiness}, valid memory swappiness range is 0-100")
    if support.reservation and 0 < host.memory_reservation < MINIMUM_MEMORY:
        raise InvalidLimit("memory_reservation", "Minimum memory reservation allowed is 6MB")
    if support.reservation and 0 < host.memory < host.memory_reservation:
        raise InvalidLimit(
            "memory_reservation",
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        )


def _check_cpu(host: HostConfig, support: ResourceSupport) -> None:
    if host.nano_cpus > 0 and host.cpu_period > 0:
        raise InvalidLimit("nano_cpus", "Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if host.nano_cpus > 0 and host.cpu_quota > 0:
        raise InvalidLimit("nano_cpus", "Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    if host.nano_cpus > 0 and not support.cpu_quota:
        raise InvalidLimit(
            "nano_cpus",
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
        )
    count = support.processors
    if host.nano_cpus and not 0 <= host.nano_cpus <= count * 1_000_000_000:
        raise InvalidLimit(
            "nano_cpus",
            f"range of CPUs is from 0.01 to {count}.00, as there are only {count} CPUs available",
        )
    if support.cpu_quota and host.cpu_period and not 1_000 <= host.cpu_period <= 1_000_000:
        raise InvalidLimit(
            "cpu_period", "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        )
    if support.cpu_quota and 0 < host.cpu_quota < 1_000:
        raise InvalidLimit("cpu_quota", "CPU cfs quota can not be less than 1ms (i.e. 1000)")


def _check_cpuset(name: str, wanted: str, available: str, what: str) -> None:
    try:
        missing = parse_list(wanted) - parse_list(available, max(MAXIMUM_CPU, 1 << 20))
    except ValueError as error:
        raise InvalidLimit(f"cpuset_{name}", f"Invalid value {wanted} for cpuset {name}: {error}") from error
    if missing:
        raise InvalidLimit(f"cpuset_{name}", f"{what} are not available - requested {wanted}, available: {available}")


def _oom_warning(host: HostConfig, support: ResourceSupport) -> list[str]:
    if host.oom_kill_disable and support.oom_kill_disable and host.memory == 0:
        return [
            "OOM killer is disabled for the container, but no memory limit is set, "
            "this can result in the system running out of resources."
        ]
    return []


Wanted = Callable[[HostConfig], bool]
Supported = Callable[[ResourceSupport], bool]
Without = Callable[[HostConfig], HostConfig]

_MISSING = "or the cgroup is not mounted"
# What a client may want, whether the machine has it, what dockerd says where it has not, and the rest without it.
_DISCARDS: tuple[tuple[Wanted, Supported, str, Without], ...] = (
    (
        lambda host: host.memory > 0,
        lambda support: support.memory,
        f"Your kernel does not support memory limit capabilities {_MISSING}. Limitation discarded.",
        lambda host: replace(host, memory=0, memory_swap=-1),
    ),
    (
        lambda host: host.memory > 0 and host.memory_swap != -1,
        lambda support: support.swap,
        f"Your kernel does not support swap limit capabilities {_MISSING}. Memory limited without swap.",
        lambda host: replace(host, memory_swap=-1),
    ),
    (
        lambda host: host.memory_swappiness not in (None, -1),
        lambda support: support.swappiness,
        f"Your kernel does not support memory swappiness capabilities {_MISSING}. Memory swappiness discarded.",
        lambda host: replace(host, memory_swappiness=None),
    ),
    (
        lambda host: host.memory_reservation > 0,
        lambda support: support.reservation,
        f"Your kernel does not support memory soft limit capabilities {_MISSING}. Limitation discarded.",
        lambda host: replace(host, memory_reservation=0),
    ),
    (
        lambda host: host.kernel_memory > 0,
        lambda support: support.kernel_memory,
        f"Your kernel does not support kernel memory limit capabilities {_MISSING}. Limitation discarded.",
        lambda host: replace(host, kernel_memory=0),
    ),
    (
        lambda host: host.kernel_memory_tcp > 0,
        lambda support: support.kernel_memory_tcp,
        f"Your kernel does not support kernel memory TCP limit capabilities {_MISSING}. Limitation discarded.",
        lambda host: replace(host, kernel_memory_tcp=0),
    ),
    (
        lambda host: bool(host.oom_kill_disable),
        lambda support: support.oom_kill_disable,
        "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
        lambda host: replace(host, oom_kill_disable=None),
    ),
    (
        lambda host: (host.pids_limit or 0) > 0,
        lambda support: support.pids,
        f"Your kernel does not support PIDs limit capabilities {_MISSING}. PIDs limit discarded.",
        lambda host: replace(host, pids_limit=None),
    ),
    (
        lambda host: host.cpu_shares > 0,
        lambda support: support.cpu_shares,
        f"Your kernel does not support CPU shares {_MISSING}. Shares discarded.",
        lambda host: replace(host, cpu_shares=0),
    ),
    (
        lambda host: bool(host.cpu_period or host.cpu_quota),
        lambda support: support.cpu_quota,
        "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
        lambda host: replace(host, cpu_period=0, cpu_quota=0),
    ),
    (
        lambda host: host.cpu_percent > 0,
        lambda support: False,
        "linux does not support CPU percent. Percent discarded.",
        lambda host: replace(host, cpu_percent=0),
    ),
    (
        lambda host: bool(host.cpuset_cpus or host.cpuset_mems),
        lambda support: support.cpuset,
        f"Your kernel does not support cpuset {_MISSING}. Cpuset discarded.",
        lambda host: replace(host, cpuset_cpus="", cpuset_mems=""),
    ),
    (
        lambda host: host.blkio_weight > 0,
        lambda support: support.block_weight,
        f"Your kernel does not support Block I/O weight {_MISSING}. Weight discarded.",
        lambda host: replace(host, blkio_weight=0),
    ),
    (
        lambda host: bool(host.blkio_weight_device),
        lambda support: support.block_weight_device,
        f"Your kernel does not support Block I/O weight_device {_MISSING}. Weight-device discarded.",
        lambda host: replace(host, blkio_weight_device=[]),
    ),
    (
        lambda host: bool(host.blkio_device_read_bps),
        lambda support: support.block_read_bps,
        f"Your kernel does not support BPS Block I/O read limit {_MISSING}. Block I/O BPS read limit discarded.",
        lambda host: replace(host, blkio_device_read_bps=[]),
    ),
    (
        lambda host: bool(host.blkio_device_write_bps),
        lambda support: support.block_write_bps,
        f"Your kernel does not support BPS Block I/O write limit {_MISSING}. Block I/O BPS write limit discarded.",
        lambda host: replace(host, blkio_device_write_bps=[]),
    ),
    (
        lambda host: bool(host.blkio_device_read_iops),
        lambda support: support.block_read_iops,
        f"Your kernel does not support IOPS Block read limit {_MISSING}. Block I/O IOPS read limit discarded.",
        lambda host: replace(host, blkio_device_read_iops=[]),
    ),
    (
        lambda host: bool(host.blkio_device_write_iops),
        lambda support: support.block_write_iops,
        f"Your kernel does not support IOPS Block write limit {_MISSING}. Block I/O IOPS write limit discarded.",
        lambda host: replace(host, blkio_device_write_iops=[]),
    ),
)
