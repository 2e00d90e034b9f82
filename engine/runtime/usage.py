"""What a container uses, as its cgroups and its network namespace count it.

Formats: the kernel's cgroup-v1 and cgroup-v2 files, /proc/PID/net/dev, /proc/stat. Times are nanoseconds, sizes
bytes. Which files stand for what is as in dockerd, so that both tell the same of one container.
"""

from __future__ import annotations

import os

from engine.lean_dataclasses import dataclass, field
from engine.runtime.cgroup_of import ContainerCgroups

TICK = 10_000_000  # nanoseconds of the kernel's USER_HZ, which is 100 everywhere
UNLIMITED = (1 << 64) - 1

# In the order in which they are told; the names are the cgroup-v1 files' of a scheduler that counts by itself.
BLOCK_COUNTS = (
    "io_service_bytes_recursive",
    "io_serviced_recursive",
    "io_queued_recursive",
    "io_service_time_recursive",
    "io_wait_time_recursive",
    "io_merged_recursive",
    "time_recursive",
    "sectors_recursive",
)
_THROTTLED = {
    "io_service_bytes_recursive": "throttle.io_service_bytes",
    "io_serviced_recursive": "throttle.io_serviced",
}
_V1_MEMORY = """
    cache rss rss_huge mapped_file dirty writeback pgpgin pgpgout pgfault pgmajfault inactive_anon active_anon
    inactive_file active_file unevictable
""".split()
_V1_MEMORY += ["hierarchical_memory_limit", "hierarchical_memsw_limit", *(f"total_{name}" for name in _V1_MEMORY)]
_V2_MEMORY = """
    anon file kernel_stack slab sock shmem file_mapped file_dirty file_writeback anon_thp inactive_anon active_anon
    inactive_file active_file unevictable slab_reclaimable slab_unreclaimable pgfault pgmajfault workingset_refault
    workingset_activate workingset_nodereclaim pgrefill pgscan pgsteal pgactivate pgdeactivate pglazyfree pglazyfreed
    thp_fault_alloc thp_collapse_alloc
""".split()
# That a namespace has from its beginning when their modules are loaded; no network made them.
_FALLBACK_INTERFACES = frozenset(
    "lo tunl0 gre0 gretap0 erspan0 ip_vti0 ip6_vti0 sit0 ip6tnl0 ip6gre0 ip6erspan0".split()
)


@dataclass(frozen=True, slots=True)
class BlockCount:
    """A count of one block device; operation is empty where the kernel does not tell them apart."""

    major: int
    minor: int
    operation: str
    value: int


@dataclass(frozen=True, slots=True)
class CpuUsage:
    """Time on processors; system is the whole machine's, per_cpu None where it is not counted."""

    total: int = 0
    per_cpu: list[int] | None = None
    kernel: int = 0
    user: int = 0
    system: int = 0
    online: int = 0
    periods: int = 0
    throttled_periods: int = 0
    throttled_time: int = 0


@dataclass(frozen=True, slots=True)
class MemoryUsage:
    """Memory; details are the kernel's own counts by name."""

    usage: int = 0
    maximum: int = 0
    details: dict[str, int] = field(default_factory=dict)
    failures: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class InterfaceUsage:
    """What went through a network interface; each is received, then sent."""

    octets: tuple[int, int]
    packets: tuple[int, int]
    errors: tuple[int, int]
    dropped: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a container uses at one moment (nanoseconds since 1970); 0 for one that does not run."""

    moment: int = 0
    processes: int = 0
    process_limit: int = 0
    blocks: dict[str, list[BlockCount]] = field(default_factory=dict)  # by BLOCK_COUNTS; what is missing is not counted
    cpu: CpuUsage = field(default_factory=CpuUsage)
    memory: MemoryUsage = field(default_factory=MemoryUsage)
    networks: dict[str, InterfaceUsage] = field(default_factory=dict)


def read(groups: ContainerCgroups, pid: int, moment: int, *, proc: str = "/proc") -> Usage:
    """Return what the container of these cgroups, with the first process pid, uses.

    Raises FileNotFoundError when it has just ended.
    """
    system, online = system_time(_text(f"{proc}/stat"))
    limit = memory_total(_text(f"{proc}/meminfo"))
    reader = _read_v2 if groups.unified else _read_v1
    return reader(groups, moment, system, online, limit, _networks(pid, proc))


def _read_v1(
    groups: ContainerCgroups, moment: int, system: int, online: int, machine: int, networks: dict[str, InterfaceUsage]
) -> Usage:
    cpu, accounting, memory = (groups.folder(name) for name in ("cpu", "cpuacct", "memory"))
    throttling = pairs(_try(f"{cpu}/cpu.stat"))
    ticks = pairs(_text(f"{accounting}/cpuacct.stat") if accounting is not None else "")
    details = pairs(_try(f"{memory}/memory.stat"))
    return Usage(
        moment=moment,
        processes=_number(f"{groups.folder('pids')}/pids.current"),
        process_limit=_number(f"{groups.folder('pids')}/pids.max", unlimited=0),
        blocks=_blocks_v1(groups.folder("blkio")),
        cpu=CpuUsage(
            total=_number(f"{accounting}/cpuacct.usage"),
            per_cpu=[int(each) for each in _try(f"{accounting}/cpuacct.usage_percpu").split()] or None,
            kernel=ticks.get("system", 0) * TICK,
            user=ticks.get("user", 0) * TICK,
            system=system,
            online=online,
            periods=throttling.get("nr_periods", 0),
            throttled_periods=throttling.get("nr_throttled", 0),
            throttled_time=throttling.get("throttled_time", 0),
        ),
        memory=MemoryUsage(
            usage=_number(f"{memory}/memory.usage_in_bytes"),
            maximum=_number(f"{memory}/memory.max_usage_in_bytes"),
            details={name: details.get(name, 0) for name in _V1_MEMORY},
            failures=_number(f"{memory}/memory.failcnt"),
            limit=min(_number(f"{memory}/memory.limit_in_bytes"), machine),
        )
        if memory is not None
        else MemoryUsage(),
        networks=networks,
    )


def _read_v2(
    groups: ContainerCgroups, moment: int, system: int, online: int, machine: int, networks: dict[str, InterfaceUsage]
) -> Usage:
    folder = groups.folders[""]
    cpu = pairs(_text(f"{folder}/cpu.stat"))
    details = pairs(_try(f"{folder}/memory.stat"))
    blocks = block_counts_v2(_try(f"{folder}/io.stat"))
    return Usage(
        moment=moment,
        processes=_number(f"{folder}/pids.current"),
        process_limit=_number(f"{folder}/pids.max"),
        blocks={"io_service_bytes_recursive": blocks} if blocks else {},
        cpu=CpuUsage(
            total=cpu.get("usage_usec", 0) * 1000,
            kernel=cpu.get("system_usec", 0) * 1000,
            user=cpu.get("user_usec", 0) * 1000,
            system=system,
            online=online,
            periods=cpu.get("nr_periods", 0),
            throttled_periods=cpu.get("nr_throttled", 0),
            throttled_time=cpu.get("throttled_usec", 0) * 1000,
        ),
        memory=MemoryUsage(
            usage=_number(f"{folder}/memory.current"),
            details={name: details.get(name, 0) for name in _V2_MEMORY},
            failures=pairs(_try(f"{folder}/memory.events")).get("oom", 0),
            limit=min(_number(f"{folder}/memory.max"), machine),
        ),
        networks=networks,
    )


def pairs(text: str) -> dict[str, int]:
    """Return the numbers of a file with a name and a number on each line."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if value.strip().isdigit():
            found[name] = int(value)
    return found


def block_counts_v1(text: str) -> list[BlockCount]:
    """Return the counts of a blkio file: "8:0 Read 4096", or "8:0 4096"; the line of the sum is left out."""
    found = []
    for line in text.splitlines():
        parts = line.replace(":", " ").split()
        if len(parts) >= 3:
            major, minor, *operation, value = parts
            found.append(BlockCount(int(major), int(minor), " ".join(operation), int(value)))
    return found


def block_counts_v2(text: str) -> list[BlockCount]:
    """Return the bytes of io.stat: "8:0 rbytes=4096 wbytes=0 rios=1 ..."."""
    found = []
    for line in text.splitlines():
        device, *counts = line.split(" ")
        major, colon, minor = device.partition(":")
        if not (colon and counts and major.isdigit() and minor.isdigit()):
            continue
        values = dict(each.split("=", 1) for each in counts if "=" in each)
        for operation, key in (("read", "rbytes"), ("write", "wbytes")):
            found.append(BlockCount(int(major), int(minor), operation, int(values.get(key, "0"))))
    return found


def interfaces(text: str) -> dict[str, InterfaceUsage]:
    """Return the counts of /proc/PID/net/dev, without interfaces that the kernel made."""
    found = {}
    for line in text.splitlines()[2:]:
        name, _, numbers = line.strip().partition(":")
        values = [int(each) for each in numbers.split()]
        if name not in _FALLBACK_INTERFACES and len(values) >= 12:
            received, sent = values[:4], values[8:12]
            octets, packets, errors, dropped = zip(received, sent, strict=True)
            found[name] = InterfaceUsage(octets, packets, errors, dropped)
    return found


def system_time(text: str) -> tuple[int, int]:
    """Return the time that all processors have spent, idle or not, and how many there are, from /proc/stat."""
    total = online = 0
    for line in text.splitlines():
        if not line.startswith("cpu"):
            break
        if line.startswith("cpu "):
            total = sum(int(each) for each in line.split()[1:8]) * TICK
        else:
            online += 1
    return total, online


def memory_total(text: str) -> int:
    """Return the machine's memory from /proc/meminfo."""
    line = next((line for line in text.splitlines() if line.startswith("MemTotal:")), "MemTotal: 0 kB")
    return int(line.split()[1]) * 1024


def _blocks_v1(folder: str | None) -> dict[str, list[BlockCount]]:
    if folder is None:
        return {}
    found = {name: block_counts_v1(_try(f"{folder}/blkio.{name}")) for name in BLOCK_COUNTS}
    if not any(found.values()):
        found |= {name: block_counts_v1(_try(f"{folder}/blkio.{file}")) for name, file in _THROTTLED.items()}
    return found


def _networks(pid: int, proc: str) -> dict[str, InterfaceUsage]:
    """Return the counts of a container's interfaces; those of the machine itself are not its own."""
    try:
        if os.path.samefile(f"{proc}/{pid}/ns/net", f"{proc}/self/ns/net"):
            return {}
    except OSError:
        return {}
    return interfaces(_try(f"{proc}/{pid}/net/dev"))


def _number(path: str, *, unlimited: int = UNLIMITED) -> int:
    text = _try(path).strip()
    return unlimited if text == "max" else int(text) if text.isdigit() else 0


def _try(path: str) -> str:
    """Return a file's text, "" where there is none: a controller that is not there counts nothing."""
    try:
        return _text(path)
    except OSError:
        return ""


def _text(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()
