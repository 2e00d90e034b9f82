"""Facts about this machine and this engine: what version and info answer.

Read when asked; nothing is kept but the engine's id, which is made at the first look and stays (table engine).
"""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Unavailable
from engine.lean_dataclasses import dataclass, field
from engine.runtime.support import ResourceSupport

if TYPE_CHECKING:
    from engine import Engine
    from engine.runtime.oci import Runtime

_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i686": "386",
    "i386": "386",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
    "loongarch64": "loong64",
}
MONITOR = "conmon"
# statfs(2) is not in os; /proc/self/mountinfo names the file system, and these are Docker's names for them.
_FILE_SYSTEMS = {"ext2": "extfs", "ext3": "extfs", "ext4": "extfs", "overlay": "overlayfs"}


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that the engine stands on; version is "" when it does not say."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Versions:
    """What version answers beyond our own: the machine, and the tools in the order in which they are used."""

    kernel: str
    architecture: str  # as Go names it
    tools: list[Tool] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Facts:
    """What info answers; sizes are bytes."""

    id: str
    containers: dict[str, int]  # how many in each status
    images: int
    file_system: str
    support: ResourceSupport
    cgroup_driver: str
    cgroup_version: str  # "1" or "2"
    ipv4_forwarding: bool
    open_files: int
    kernel: str
    operating_system: str
    os_version: str
    machine: str  # as uname says
    processors: int
    memory: int
    hostname: str
    root: str
    runtimes: dict[str, str]  # name to path
    default_runtime: str
    init: str
    seccomp: bool
    apparmor: bool
    warnings: list[str]


class System:
    """The machine and the engine as a whole."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def id(self) -> str:
        """Return this engine's own id, a UUID that never changes."""
        database = self._engine.database
        row = database.row("SELECT value FROM engine WHERE key = 'id'")
        if row is None:
            with database.transaction() as transaction:
                values = (str(uuid.uuid4()),)
                transaction.execute("INSERT OR IGNORE INTO engine (key, value) VALUES ('id', ?)", values)
            row = database.row("SELECT value FROM engine WHERE key = 'id'")
            assert row is not None
        return str(row["value"])

    def versions(self) -> Versions:
        """Return the versions of the kernel, the monitor and the runtime; asks the programs."""
        from engine.runtime import oci

        uname = os.uname()
        tools = []
        if path := oci.which(MONITOR):
            tools.append(Tool(MONITOR, oci.version_of(path)))
        try:
            runtime = self._default_runtime()
            tools.append(Tool(runtime.name, runtime.version()))
        except Unavailable:
            pass
        return Versions(uname.release, go_architecture(uname.machine), tools)

    def facts(self) -> Facts:
        """Return everything that there is to say about this machine and this engine."""
        from engine.runtime import cgroups, facts, oci

        uname, host = os.uname(), facts.gather()
        settings = self._engine.settings
        name, version = operating_system(_read("/etc/os-release") or _read("/usr/lib/os-release"))
        runtimes = {each.name: each.path for each in oci.installed(settings.run_root)}
        try:
            default = self._default_runtime()
            runtimes.setdefault(default.name, default.path)
            default_runtime, warnings = default.name, []
        except Unavailable as problem:
            default_runtime, warnings = "", [f"WARNING: {problem}"]
        rows = self._engine.database.rows("SELECT status, count(*) AS number FROM containers GROUP BY status")
        return Facts(
            id=self.id(),
            containers={row["status"]: row["number"] for row in rows},
            images=len(self._engine.store.images()),
            file_system=file_system(_read("/proc/self/mountinfo"), _existing(self._engine.store.graph_root)),
            support=host.support,
            cgroup_driver=host.cgroups.driver,
            cgroup_version="2" if host.cgroups.version == cgroups.V2 else "1",
            ipv4_forwarding=_read("/proc/sys/net/ipv4/ip_forward").strip() == "1",
            open_files=len(os.listdir("/proc/self/fd")),
            kernel=uname.release,
            operating_system=name,
            os_version=version,
            machine=uname.machine,
            processors=len(os.sched_getaffinity(0)),
            memory=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            hostname=uname.nodename,
            root=str(settings.root),
            runtimes=runtimes,
            default_runtime=default_runtime,
            init=_init(),
            seccomp=host.seccomp,
            apparmor=host.apparmor,
            warnings=warnings + limit_warnings(host.support),
        )

    def _default_runtime(self) -> Runtime:
        from engine.runtime import oci

        settings = self._engine.settings
        return oci.find(None, default=settings.default_runtime, run_root=settings.run_root)


def go_architecture(machine: str) -> str:
    """Return the name by which Go, and with it Docker, knows a machine that uname names."""
    return _ARCHITECTURES.get(machine, machine)


def operating_system(release: str) -> tuple[str, str]:
    """Return the pretty name and the version from the text of an os-release file."""
    values = {}
    for line in release.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            values[key.strip()] = value.strip().strip("\"'")
    return values.get("PRETTY_NAME") or values.get("NAME") or "Linux", values.get("VERSION_ID", "")


def file_system(mountinfo: str, path: str) -> str:
    """Return Docker's name of the file system that a path lies on; mountinfo is proc(5)'s file of that name."""
    found, longest = "", -1
    for line in mountinfo.splitlines():
        head, _, tail = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), head.split(" ")[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:
            found, longest = tail.split(" ")[0], len(point)
    return _FILE_SYSTEMS.get(found, found or "<unknown>")


def limit_warnings(support: ResourceSupport) -> list[str]:
    """Return dockerd's warnings for the limits that this machine cannot keep."""
    lacking = (
        (support.memory, "memory limit"),
        (support.swap or not support.memory, "swap limit"),
        (support.cpu_quota, "cpu cfs quota"),
        (support.cpu_quota, "cpu cfs period"),
        (support.cpu_shares, "cpu shares"),
        (support.cpuset, "cpuset"),
    )
    return [f"WARNING: No {name} support" for there, name in lacking if not there]


def _init() -> str:
    from engine.runtime.init import find_init

    try:
        return os.path.basename(find_init())
    except Unavailable:
        return ""


def _existing(path: Path) -> str:
    """Return the path, or the nearest folder above it that is there, without symbolic links."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return os.path.realpath(path)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
