from __future__ import annotations

from pathlib import Path

import pytest

from engine.runtime.cgroup_of import ContainerCgroups
from engine.runtime.usage import (
    UNLIMITED,
    BlockCount,
    InterfaceUsage,
    block_counts_v1,
    block_counts_v2,
    interfaces,
    memory_total,
    pairs,
    read,
    system_time,
)

STAT = "cpu  10 20 30 40 50 60 70 80 0 0\ncpu0 1 2\ncpu1 3 4\nintr 5\ncpu9 not a processor's line\n"
MEMORY = "MemTotal:       1000 kB\nMemFree: 5 kB\n"
DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0
  sit0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
"""  # noqa: E501
V1 = {
    "pids/pids.current": "2\n",
    "pids/pids.max": "max\n",
    "blkio/blkio.throttle.io_service_bytes": "8:0 Read 4096\n8:0 Total 4096\nTotal 4096\n",
    "blkio/blkio.throttle.io_serviced": "8:0 Read 1\nTotal 1\n",
    "cpu/cpu.stat": "nr_periods 5\nnr_throttled 3\nthrottled_time 77\n",
    "cpuacct/cpuacct.stat": "user 12\nsystem 3\n",
    "cpuacct/cpuacct.usage": "160000000\n",
    "cpuacct/cpuacct.usage_percpu": "100000000 60000000 \n",
    "memory/memory.stat": "cache 10\nrss 20\nhierarchical_memory_limit 99\nshmem 5\n",
    "memory/memory.usage_in_bytes": "4096\n",
    "memory/memory.max_usage_in_bytes": "8192\n",
    "memory/memory.failcnt": "1\n",
    "memory/memory.limit_in_bytes": "9223372036854771712\n",
}
V2 = {
    "pids.current": "2\n",
    "pids.max": "max\n",
    "cpu.stat": "usage_usec 160\nuser_usec 120\nsystem_usec 40\nnr_periods 5\nnr_throttled 3\nthrottled_usec 7\n",
    "io.stat": "8:0 rbytes=4096 wbytes=5 rios=1 wios=1 dbytes=0 dios=0\n8:16 \n",
    "memory.stat": "anon 10\nfile 20\nfile_thp 5\n",
    "memory.current": "4096\n",
    "memory.max": "65536\n",
    "memory.events": "low 0\noom 4\noom_kill 3\n",
}


@pytest.fixture
def proc(tmp_path: Path) -> str:
    """A /proc with one process, 7, in a network namespace of its own."""
    for path, text in {"stat": STAT, "meminfo": MEMORY, "7/net/dev": DEV, "7/ns/net": "", "self/ns/net": ""}.items():
        (tmp_path / "proc" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc" / path).write_text(text)
    return str(tmp_path / "proc")


def files(folder: Path, content: dict[str, str]) -> str:
    """Write a cgroup's files; returns where."""
    for path, text in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return str(folder)


def v1(folder: Path, content: dict[str, str]) -> ContainerCgroups:
    """Return the cgroups of a v1 machine that has these files."""
    top = files(folder / "v1", content)
    return ContainerCgroups({path.partition("/")[0]: f"{top}/{path.partition('/')[0]}" for path in content})


def test_v1(tmp_path: Path, proc: str) -> None:
    found = read(v1(tmp_path, V1), 7, 5, proc=proc)
    assert (found.moment, found.processes, found.process_limit) == (5, 2, 0)
    assert found.blocks["io_service_bytes_recursive"] == [
        BlockCount(8, 0, "Read", 4096),
        BlockCount(8, 0, "Total", 4096),
    ]
    assert found.blocks["io_serviced_recursive"] == [BlockCount(8, 0, "Read", 1)]
    assert found.blocks["sectors_recursive"] == []
    cpu = found.cpu
    assert (cpu.total, cpu.per_cpu, cpu.user, cpu.kernel) == (
        160_000_000,
        [100_000_000, 60_000_000],
        12 * 10**7,
        3 * 10**7,
    )
    assert (cpu.periods, cpu.throttled_periods, cpu.throttled_time) == (5, 3, 77)
    assert (cpu.system, cpu.online) == (280 * 10**7, 2)
    memory = found.memory
    assert (memory.usage, memory.maximum, memory.failures, memory.limit) == (4096, 8192, 1, 1000 * 1024)
    assert (memory.details["cache"], memory.details["total_rss"], len(memory.details)) == (10, 0, 32)
    assert "shmem" not in memory.details
    assert list(found.networks) == ["eth0"]


def test_counts_of_a_scheduler_go_before_those_of_throttling(tmp_path: Path, proc: str) -> None:
    files_ = {**V1, "blkio/blkio.io_serviced_recursive": "8:0 Read 9\n", "blkio/blkio.time_recursive": "8:0 33\n"}
    found = read(v1(tmp_path, files_), 7, 5, proc=proc)
    assert found.blocks["io_serviced_recursive"] == [BlockCount(8, 0, "Read", 9)]
    assert found.blocks["time_recursive"] == [BlockCount(8, 0, "", 33)]
    assert found.blocks["io_service_bytes_recursive"] == []


def test_controllers_that_are_not_mounted_count_nothing(tmp_path: Path, proc: str) -> None:
    only_pids = {path: text for path, text in V1.items() if path.startswith("pids")}
    found = read(v1(tmp_path, only_pids), 7, 5, proc=proc)
    assert (found.processes, found.blocks, found.memory.details, found.cpu.per_cpu) == (2, {}, {}, None)


def test_v2(tmp_path: Path, proc: str) -> None:
    found = read(ContainerCgroups({"": files(tmp_path / "v2", V2)}), 7, 5, proc=proc)
    assert (found.processes, found.process_limit) == (2, UNLIMITED)
    assert found.blocks == {
        "io_service_bytes_recursive": [
            BlockCount(8, 0, "read", 4096),
            BlockCount(8, 0, "write", 5),
            BlockCount(8, 16, "read", 0),
            BlockCount(8, 16, "write", 0),
        ]
    }
    assert (found.cpu.total, found.cpu.user, found.cpu.kernel, found.cpu.throttled_time) == (
        160_000,
        120_000,
        40_000,
        7000,
    )
    assert found.cpu.per_cpu is None
    memory = found.memory
    assert (memory.usage, memory.limit, memory.failures, memory.details["anon"]) == (4096, 65536, 4, 10)
    assert len(memory.details) == 31


@pytest.mark.parametrize("content", [V1, V2])
def test_a_container_that_has_just_ended(tmp_path: Path, proc: str, content: dict[str, str]) -> None:
    groups = v1(tmp_path, content) if content is V1 else ContainerCgroups({"": files(tmp_path / "v2", content)})
    for folder in groups.folders.values():
        for path in Path(folder).iterdir():
            path.unlink()
    with pytest.raises(FileNotFoundError):
        read(groups, 7, 5, proc=proc)


def test_the_machine_s_own_interfaces_are_not_the_container_s(tmp_path: Path, proc: str) -> None:
    (Path(proc) / "7" / "ns" / "net").unlink()
    (Path(proc) / "7" / "ns" / "net").symlink_to(Path(proc) / "self" / "ns" / "net")
    assert read(v1(tmp_path, V1), 7, 5, proc=proc).networks == {}


def test_lines_that_are_none() -> None:
    assert pairs("a 1\nb max\n\nc\n") == {"a": 1}
    assert block_counts_v1("Total 5\n\n") == []
    assert block_counts_v2("(unknown) rbytes=5\n8:0\n") == []
    assert interfaces(DEV) == {"eth0": InterfaceUsage((1, 9), (2, 10), (3, 11), (4, 12))}
    assert system_time("") == (0, 0)
    assert memory_total("") == 0
