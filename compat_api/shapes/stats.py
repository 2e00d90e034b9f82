"""What a container uses as Docker's JSON, in dockerd's order of fields. Pure."""

from __future__ import annotations

from typing import Any

from compat_api.shapes.times import rfc3339_nano
from engine.runtime.usage import BLOCK_COUNTS, BlockCount, CpuUsage, InterfaceUsage, MemoryUsage, Usage

Json = dict[str, Any]
_BLOCK_NAMES = {"io_queued_recursive": "io_queue_recursive", "time_recursive": "io_time_recursive"}


def stats(usage: Usage, before: Usage, *, name: str = "", container_id: str = "") -> Json:
    """Return an answer of stats; before is what was told the last time. name and id are left out when empty."""
    found: Json = {"name": f"/{name}", "id": container_id} if container_id else {}
    found |= {
        "read": rfc3339_nano(usage.moment),
        "preread": rfc3339_nano(before.moment),
        "pids_stats": _set({"current": usage.processes, "limit": usage.process_limit}),
        "blkio_stats": {_BLOCK_NAMES.get(each, each): _blocks(usage.blocks.get(each)) for each in BLOCK_COUNTS},
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _cpu(usage.cpu),
        "precpu_stats": _cpu(before.cpu),
        "memory_stats": _memory(usage.memory),
    }
    if usage.networks:
        found["networks"] = {each: _interface(usage.networks[each]) for each in sorted(usage.networks)}
    return found


def _set(values: Json) -> Json:
    return {name: value for name, value in values.items() if value}


def _blocks(counts: list[BlockCount] | None) -> list[Json] | None:
    if counts is None:
        return None
    return [{"major": each.major, "minor": each.minor, "op": each.operation, "value": each.value} for each in counts]


def _cpu(cpu: CpuUsage) -> Json:
    return {
        "cpu_usage": {
            "total_usage": cpu.total,
            **_set({"percpu_usage": cpu.per_cpu}),
            "usage_in_kernelmode": cpu.kernel,
            "usage_in_usermode": cpu.user,
        },
        **_set({"system_cpu_usage": cpu.system, "online_cpus": cpu.online}),
        "throttling_data": {
            "periods": cpu.periods,
            "throttled_periods": cpu.throttled_periods,
            "throttled_time": cpu.throttled_time,
        },
    }


def _memory(memory: MemoryUsage) -> Json:
    return _set(
        {
            "usage": memory.usage,
            "max_usage": memory.maximum,
            "stats": dict(sorted(memory.details.items())),
            "failcnt": memory.failures,
            "limit": memory.limit,
        }
    )


def _interface(usage: InterfaceUsage) -> Json:
    return {
        f"{direction}_{what}": values[index]
        for index, direction in enumerate(("rx", "tx"))
        for what, values in (
            ("bytes", usage.octets),
            ("packets", usage.packets),
            ("errors", usage.errors),
            ("dropped", usage.dropped),
        )
    }
