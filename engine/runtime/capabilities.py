"""Linux capabilities: their names, dockerd's default set, and what CapAdd, CapDrop and Privileged make of it.

Pure. Names are in the kernel's order, so that an index is the capability's number (capabilities(7)).
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import InvalidParameter

ALL = "ALL"

_IN_KERNEL_ORDER = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""
# What a container has unless it says otherwise, in dockerd's order.
_BY_DEFAULT = """
CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL
AUDIT_WRITE
"""
NAMES: tuple[str, ...] = tuple(f"CAP_{name}" for name in _IN_KERNEL_ORDER.split())
DEFAULT: tuple[str, ...] = tuple(f"CAP_{name}" for name in _BY_DEFAULT.split())


class UnknownCapability(InvalidParameter):
    """A capability that no kernel has."""

    def __init__(self, name: str) -> None:
        super().__init__(f'unknown capability: "{name}"')
        self.name = name


class UnavailableCapability(InvalidParameter):
    """A capability that this process lacks and so cannot hand on."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f'capability not supported by your kernel or not available in the current environment: "{name}"'
        )
        self.name = name


def from_mask(mask: int) -> tuple[str, ...]:
    """Return the names whose bits are set, in the kernel's order."""
    return tuple(name for number, name in enumerate(NAMES) if mask >> number & 1)


def normalise(names: Sequence[str] | None, available: Sequence[str]) -> list[str]:
    """Bring names as clients write them (sys_admin, CAP_SYS_ADMIN, all) to the kernel's, in the same order.

    Raises UnknownCapability and UnavailableCapability.
    """
    normalised = []
    for written in names or ():
        name = written.upper()
        if name != ALL:
            name = name if name.startswith("CAP_") else f"CAP_{name}"
            if name not in NAMES:
                raise UnknownCapability(name)
            if name not in available:
                raise UnavailableCapability(name)
        normalised.append(name)
    return normalised


def effective(
    add: Sequence[str] | None, drop: Sequence[str] | None, privileged: bool, available: Sequence[str]
) -> list[str]:
    """Return the capabilities of a container, as dockerd works them out.

    An added ALL wins over a dropped ALL; privileged wins over both. A default that this process lacks is left
    out, since the runtime could not set it. Raises what normalise raises.
    """
    if privileged:
        return list(available)
    added, dropped = normalise(add, available), normalise(drop, available)
    if ALL in added:
        return [name for name in available if name not in dropped]
    if ALL in dropped:
        return added
    kept = [name for name in DEFAULT if name not in dropped and name in available]
    return kept + [name for name in added if name not in kept]
