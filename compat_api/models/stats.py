"""What the endpoint about a container's use of resources answers; which counts there are depends on the machine."""

from __future__ import annotations

from pydantic import ConfigDict

from compat_api.models.go import DockerModel


class Counts(DockerModel):
    """Counts, whose names are in snake case here."""

    model_config = ConfigDict(alias_generator=str)


class PidsStats(Counts):
    """Processes and their limit."""

    current: int | None = None
    limit: int | None = None


class BlockCountAnswer(Counts):
    """A count of one block device."""

    major: int
    minor: int
    op: str
    value: int


class BlockStats(Counts):
    """What was read from block devices and written to them."""

    io_service_bytes_recursive: list[BlockCountAnswer] | None
    io_serviced_recursive: list[BlockCountAnswer] | None
    io_queue_recursive: list[BlockCountAnswer] | None
    io_service_time_recursive: list[BlockCountAnswer] | None
    io_wait_time_recursive: list[BlockCountAnswer] | None
    io_merged_recursive: list[BlockCountAnswer] | None
    io_time_recursive: list[BlockCountAnswer] | None
    sectors_recursive: list[BlockCountAnswer] | None


class CpuTime(Counts):
    """Time on processors, in nanoseconds."""

    total_usage: int
    percpu_usage: list[int] | None = None
    usage_in_kernelmode: int
    usage_in_usermode: int


class Throttling(Counts):
    """How often and how long the processor quota held processes back."""

    periods: int
    throttled_periods: int
    throttled_time: int


class CpuStats(Counts):
    """The use of processors."""

    cpu_usage: CpuTime
    system_cpu_usage: int | None = None
    online_cpus: int | None = None
    throttling_data: Throttling


class MemoryStats(Counts):
    """The use of memory, in bytes."""

    usage: int | None = None
    max_usage: int | None = None
    stats: dict[str, int] | None = None
    failcnt: int | None = None
    limit: int | None = None


class InterfaceStats(Counts):
    """What went over one network interface."""

    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


class StatsAnswer(Counts):
    """What a container uses."""

    name: str | None = None
    id: str | None = None
    read: str
    preread: str
    pids_stats: PidsStats
    blkio_stats: BlockStats
    num_procs: int
    storage_stats: dict[str, int]
    cpu_stats: CpuStats
    precpu_stats: CpuStats
    memory_stats: MemoryStats
    networks: dict[str, InterfaceStats] | None = None
