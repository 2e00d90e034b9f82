"""The answer of stats, held against ones that dockerd 28.5 gave on a machine with cgroup v1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from compat_api.shapes.stats import stats
from engine.go_json import dumps_escaped
from engine.runtime.usage import BlockCount, CpuUsage, InterfaceUsage, MemoryUsage, Usage

ANSWERS = Path(__file__).parent / "dockerd"


def usage_of(answer: dict[str, Any], which: str) -> Usage:
    """Return what must have been counted for an answer; which is cpu_stats or precpu_stats."""
    cpu, memory = answer[which], answer["memory_stats"]
    moment = answer["preread" if which == "precpu_stats" else "read"]
    second, _, fraction = moment.rstrip("Z").partition(".")
    assert second.startswith("2026-11-23T22:12:")
    seconds = 1_795_471_920 + int(second[-2:])
    names = {"io_queued_recursive": "io_queue_recursive", "time_recursive": "io_time_recursive"}
    keys = [names.get(key, key) for key in answer["blkio_stats"]]
    back = {value: key for key, value in names.items()}
    return Usage(
        moment=seconds * 1_000_000_000 + int(fraction.ljust(9, "0")),
        processes=answer["pids_stats"]["current"],
        blocks={
            back.get(key, key): [BlockCount(*each.values()) for each in answer["blkio_stats"][key]] for key in keys
        },
        cpu=CpuUsage(
            total=cpu["cpu_usage"]["total_usage"],
            per_cpu=cpu["cpu_usage"]["percpu_usage"],
            kernel=cpu["cpu_usage"]["usage_in_kernelmode"],
            user=cpu["cpu_usage"]["usage_in_usermode"],
            system=cpu["system_cpu_usage"],
            online=cpu["online_cpus"],
        ),
        memory=MemoryUsage(memory["usage"], memory["max_usage"], memory["stats"], 0, memory["limit"]),
        networks={
            name: InterfaceUsage(*[(each[f"rx_{what}"], each[f"tx_{what}"]) for what in WHAT])
            for name, each in answer["networks"].items()
        },
    )


WHAT = ("bytes", "packets", "errors", "dropped")


def test_a_running_container_byte_for_byte() -> None:
    text = (ANSWERS / "stats_running.json").read_text()
    answer = json.loads(text)
    found = stats(
        usage_of(answer, "cpu_stats"), usage_of(answer, "precpu_stats"), name="h1p", container_id=answer["id"]
    )
    assert dumps_escaped(found) + "\n" == text


def test_a_stopped_container_byte_for_byte() -> None:
    text = (ANSWERS / "stats_stopped.json").read_text()
    found = stats(Usage(), Usage(), name="h1s", container_id=json.loads(text)["id"])
    assert dumps_escaped(found) + "\n" == text


def test_one_shot_has_neither_name_nor_id() -> None:
    assert list(stats(Usage(), Usage()))[:2] == ["read", "preread"]


def test_what_v2_counts() -> None:
    blocks = {"io_service_bytes_recursive": [BlockCount(8, 0, "read", 5)]}
    found = stats(Usage(moment=1, process_limit=(1 << 64) - 1, blocks=blocks, memory=MemoryUsage(failures=3)), Usage())
    assert found["pids_stats"] == {"limit": 18446744073709551615}
    assert found["blkio_stats"]["io_service_bytes_recursive"] == [{"major": 8, "minor": 0, "op": "read", "value": 5}]
    assert found["blkio_stats"]["io_serviced_recursive"] is None
    assert "percpu_usage" not in found["cpu_stats"]["cpu_usage"]
    assert found["memory_stats"] == {"failcnt": 3}
    assert "networks" not in found
