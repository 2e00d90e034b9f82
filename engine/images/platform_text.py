"""Platforms as clients write them, such as linux/arm/v7, and this machine's own; the words are dockerd's."""

from __future__ import annotations

import json
import os
import re

from engine.errors import InvalidParameter
from engine.images.platform import Platform, amd64_variant

_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", ""),
    "armv6l": ("arm", "v6"),
    "armv7l": ("arm", "v7"),
    "ppc64le": ("ppc64le", ""),
    "riscv64": ("riscv64", ""),
    "s390x": ("s390x", ""),
    "loongarch64": ("loong64", ""),
}
_KNOWN = {name for name, _ in _ARCHITECTURES.values()} | {"mips64le", "ppc64", "mips64"}
_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm", "armel": "arm"}
_SYSTEMS = {"linux", "windows", "darwin", "freebsd"}
_PART = re.compile(r"[A-Za-z0-9_.-]+")
# A system, which may have its version and features behind it: windows(10.0.17763+win32k).
_SYSTEM = re.compile(r"([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?")
_OTHER_NAMES = {"macos": "darwin"}


class InvalidPlatform(InvalidParameter):
    """A platform text that names none; reason is in dockerd's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def own_platform() -> tuple[str, str, str]:
    """Return this machine's system, architecture and variant, in Go's words."""
    name = os.uname().machine
    architecture, variant = _ARCHITECTURES.get(name, (name, ""))
    return "linux", architecture, variant


def whole_own_platform() -> Platform:
    """Return this machine's platform with the level that its processor has, where the architecture knows of levels."""
    system, architecture, variant = own_platform()
    if architecture == "amd64":
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            flags = next((line for line in file if line.startswith("flags")), "")
        variant = amd64_variant(frozenset(flags.partition(":")[2].split()))
    return Platform(system, architecture, variant)


def parse_platform(text: str) -> tuple[str, str, str]:
    """Return system, architecture and variant of a text such as linux/arm/v7; "" is this machine's.

    Raises InvalidPlatform, also for another system than Linux.
    """
    found = parse_any_platform(text)
    if found[0] != "linux":
        raise InvalidPlatform("operating system is not supported")
    return found


def parse_any_platform(text: str) -> tuple[str, str, str]:
    """Do the same for any system. Raises InvalidPlatform."""
    own = own_platform()
    if not text:
        return own
    parts = text.lower().split("/")
    if len(parts) > 3:
        raise InvalidPlatform(f"{json.dumps(text)}: cannot parse platform specifier: invalid argument")
    found = _SYSTEM.fullmatch(parts[0])
    if found is None:
        raise InvalidPlatform(
            f"{json.dumps(parts[0])} is an invalid OS component of {json.dumps(text)}: OSAndVersion specifier "
            f"component must match {json.dumps('^' + _SYSTEM.pattern + '$')}: invalid argument"
        )
    parts[0] = _OTHER_NAMES.get(found[1], found[1])
    for part in parts[1:]:
        if not _PART.fullmatch(part):
            raise InvalidPlatform(
                f"{json.dumps(part)} is an invalid component of {json.dumps(text)}: platform specifier component "
                f'must match "^[A-Za-z0-9_.-]+$": invalid argument'
            )
    if len(parts) == 1:
        if parts[0] in _SYSTEMS:
            system, architecture, variant = parts[0], own[1], own[2]
        elif _ALIASES.get(parts[0], parts[0]) in _KNOWN:
            system, architecture, variant = own[0], _ALIASES.get(parts[0], parts[0]), ""
        else:
            raise InvalidPlatform(f"{json.dumps(text)}: unknown operating system or architecture: invalid argument")
    else:
        system, architecture = parts[0], _ALIASES.get(parts[1], parts[1])
        variant = parts[2] if len(parts) == 3 else ""
    return system, architecture, "" if architecture == "arm64" and variant == "v8" else variant
