"""The AppArmor profile that confines containers, on machines whose kernel has AppArmor.

It has dockerd's name and dockerd's rules, so that one that dockerd or another engine has loaded serves as well, and so
that what looks for docker-default finds it. It is loaded by apparmor_parser when the kernel does not have it, which
is once per boot.
"""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import EngineError

NAME = "docker-default"
UNCONFINED = "unconfined"
LOADED = Path("/sys/kernel/security/apparmor/profiles")
MACROS = Path("/etc/apparmor.d")
PARSER = "/sbin/apparmor_parser"
_SECONDS = 60

# Where signals may come from: the host, the runtimes, and whoever runs the engine.
_SIGNALLERS = ("unconfined", "runc", "crun")
# What nobody writes: files of /proc that are not a process's own, but for what IPC needs in /proc/sys/kernel.
_NO_WRITE_IN_PROC = (
    "*",
    "{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9/]*}/**",
    "sys/[^k]**",
    "sys/kernel/{?,??,[^s][^h][^m]**}",
)
_NO_ACCESS_IN_PROC = ("sysrq-trigger", "kcore")
# /sys is closed but for /sys/fs/cgroup, spelled as AppArmor has no exceptions.
_NO_WRITE_IN_SYS = ("[^f]*", "f[^s]*", "fs/[^c]*", "fs/c[^g]*", "fs/cg[^r]*")
_NO_ACCESS_IN_SYS = ("firmware", "devices/virtual/powercap", "kernel/security")


class ProfileNotLoaded(EngineError):
    """The kernel has AppArmor, but the profile for containers could not be loaded into it."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"AppArmor enabled on system but the {name} profile could not be loaded: {cause}")
        self.name = name
        self.cause = cause


def ensure_loaded(name: str = NAME, loaded: Path = LOADED, parser: str = PARSER) -> None:
    """Load the profile unless the kernel has it. Raises ProfileNotLoaded."""
    try:
        if name in loaded_profiles(loaded.read_text(encoding="utf-8")):
            return
    except OSError as error:
        raise ProfileNotLoaded(name, str(error)) from error
    _load(name, profile(name, own_profile(), tunables=(MACROS / "tunables/global").exists(), base=_has_base()), parser)


def _load(name: str, text: str, parser: str) -> None:
    import subprocess  # slow to import, and needed once per boot

    try:
        done = subprocess.run(
            [parser, "-Kr"], input=text, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProfileNotLoaded(name, str(error)) from error
    if done.returncode:
        raise ProfileNotLoaded(name, f"{parser} -Kr: {(done.stderr or done.stdout).strip()}")


def loaded_profiles(text: str) -> set[str]:
    """Return the names in the kernel's list of profiles: "name (mode)" by line."""
    return {line.rpartition(" (")[0] for line in text.splitlines()}


def own_profile(path: str = "/proc/self/attr/current") -> str:
    """Return the name of the profile that this process runs under."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().partition(" ")[0].strip("\n\0") or UNCONFINED
    except OSError:
        return UNCONFINED


def profile(name: str, engine: str, *, tunables: bool, base: bool) -> str:
    """Return the profile's text for apparmor_parser.

    engine is the profile of the process that signals containers; tunables and base say whether the machine has these
    macros of AppArmor's own.
    """
    rules = ["#include <abstractions/base>"] if base else []
    rules += ["network,", "capability,", "file,", "umount,"]
    rules += [f"signal (receive) peer={peer}," for peer in dict.fromkeys((*_SIGNALLERS, engine))]
    rules.append(f"signal (send,receive) peer={name},")
    rules += [f"deny @{{PROC}}/{path} w," for path in _NO_WRITE_IN_PROC]
    rules += [f"deny @{{PROC}}/{path} rwklx," for path in _NO_ACCESS_IN_PROC]
    rules.append("deny mount,")
    rules += [f"deny /sys/{path}/** wklx," for path in _NO_WRITE_IN_SYS]
    rules += [f"deny /sys/{path}/** rwklx," for path in _NO_ACCESS_IN_SYS]
    rules.append(f"ptrace (trace,read,tracedby,readby) peer={name},")
    head = "#include <tunables/global>" if tunables else "@{PROC}=/proc/"
    body = "".join(f"  {rule}\n" for rule in rules)
    return f"{head}\n\nprofile {name} flags=(attach_disconnected,mediate_deleted) {{\n{body}}}\n"


def _has_base() -> bool:
    return os.path.exists(MACROS / "abstractions/base")
