"""What the kernel and this process allow, as far as a container's runtime spec depends on it.

gather() reads it from /proc and /sys once per process; the functions that build and check specs get the result
handed in and touch nothing themselves.
"""

from __future__ import annotations

import os
from functools import cache

from engine.lean_dataclasses import dataclass, field
from engine.runtime import capabilities
from engine.runtime.cgroups import CgroupLayout, detect
from engine.runtime.support import ResourceSupport, read_support

_SYSCTLS = {"net.ipv4.ping_group_range": "0 2147483647", "net.ipv4.ip_unprivileged_port_start": "0"}


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The machine as a runtime spec sees it; the defaults are a plain modern machine."""

    machine: str = "x86_64"  # as uname says
    kernel: tuple[int, int] = (6, 1)
    cgroups: CgroupLayout = field(default_factory=CgroupLayout)
    support: ResourceSupport = field(default_factory=ResourceSupport)
    capabilities: tuple[str, ...] = capabilities.NAMES  # that this process can hand on
    seccomp: bool = True
    apparmor: bool = False
    recursive_read_only: bool = True  # mount_setattr(2) with AT_RECURSIVE
    throttle_paths: tuple[str, ...] = ()  # of each processor, to be masked
    network_sysctls: dict[str, str] = field(default_factory=lambda: dict(_SYSCTLS))  # dockerd's, where they exist


@cache
def gather() -> HostFacts:
    """Read the facts of this machine."""
    uname = os.uname()
    version = kernel_version(uname.release)
    status = _status()
    layout = detect()
    return HostFacts(
        machine=uname.machine,
        kernel=version,
        cgroups=layout,
        support=read_support(layout),
        capabilities=capabilities.from_mask(int(status.get("CapEff", "0"), 16)),
        seccomp="Seccomp" in status,
        apparmor=_apparmor(),
        recursive_read_only=version >= (5, 12),
        throttle_paths=_throttle_paths(),
        network_sysctls={
            name: value for name, value in _SYSCTLS.items() if os.path.exists("/proc/sys/" + name.replace(".", "/"))
        },
    )


def kernel_version(release: str) -> tuple[int, int]:
    """Return the first two numbers of a kernel release such as 6.1.0-18-amd64."""
    numbers = []
    for part in release.split(".")[:2]:
        digits = ""
        for character in part:
            if not character.isdigit():
                break
            digits += character
        numbers.append(int(digits or "0"))
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (numbers[0], 0)


def _status() -> dict[str, str]:
    with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def _apparmor() -> bool:
    """Whether the kernel confines by AppArmor and its parser is there, which is when dockerd uses it."""
    try:
        with open("/sys/module/apparmor/parameters/enabled", encoding="ascii") as file:
            enabled = file.read(1) == "Y"
    except OSError:
        return False
    return enabled and os.path.isdir("/sys/kernel/security/apparmor") and os.path.exists("/sbin/apparmor_parser")


def _throttle_paths() -> tuple[str, ...]:
    base = "/sys/devices/system/cpu"
    try:
        processors = sorted(
            (name for name in os.listdir(base) if name[:3] == "cpu" and name[3:].isdigit()),
            key=lambda name: int(name[3:]),
        )
    except OSError:
        return ()
    paths = (f"{base}/{name}/thermal_throttle" for name in processors)
    return tuple(path for path in paths if os.path.exists(path))
