"""Platforms: which of them an image is for, and whether that is the one that somebody wants. Pure.

The rules are those of containerd's platforms package: names have aliases, and a processor runs what was made for the
lesser ones of its kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError, NotFound
from engine.lean_dataclasses import dataclass, replace

if TYPE_CHECKING:
    from engine.images.record import Image

_ARM64_MINOR_OF_9 = 5  # arm64 v9.N has all that v8.(N+5) has
_NEWEST_MINOR = 9
# What each level above the first adds, by the kernel's names: x86-64 psABI, section 3.1.1.
_AMD64_LEVELS = (
    frozenset(("cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3")),
    frozenset(("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave")),
    frozenset(("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")),
)


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system and a processor, in Go's words."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""

    def __str__(self) -> str:
        system = f"{self.os}({self.os_version})" if self.os_version else self.os
        return "/".join(part for part in (system or "unknown", self.architecture, self.variant) if part)


class WrongPlatform(NotFound):
    """The image is there, but for another platform than the wanted one."""

    def __init__(self, reference: str, found: Platform, wanted: Platform) -> None:
        super().__init__(
            f"image with reference {reference} was found but its platform ({found}) "
            f"does not match the specified platform ({wanted})"
        )
        self.reference = reference
        self.found = found
        self.wanted = wanted


class NoExportTarget(EngineError):
    """An image that is to be saved is for another platform than the wanted one."""

    def __init__(self, wanted: Platform) -> None:
        super().__init__(f"no suitable export target found for platform {wanted}")
        self.wanted = wanted


def of_document(document: dict[str, Any]) -> Platform:
    """Return the platform that an image's configuration names."""
    names = ("os", "architecture", "variant", "os.version")
    system, architecture, variant, version = (str(document.get(name) or "") for name in names)
    return Platform(system, architecture, variant, version)


def check(image: Image, reference: str, wanted: Platform | None) -> None:
    """Raise WrongPlatform unless a machine of the wanted platform runs the image."""
    found = replace(of_document(image.document), os_version="")
    if wanted is not None and not runs_on(found, wanted):
        raise WrongPlatform(reference, found, wanted)


def runs_on(found: Platform, wanted: Platform) -> bool:
    """Whether a machine of the wanted platform runs what is for the found one.

    Where the found one names no variant, that of the wanted one does not count.
    """
    own, ask = normalized(found), normalized(wanted)
    if any(_same(each, own) for each in _run_by(ask)):
        return True
    return not found.variant and (own.os, own.architecture) == (ask.os, ask.architecture)


def unfitting(image: Image, own: Platform) -> str:
    """Return a warning for an image that this machine, of the platform own, does not run; "" for one that it does."""
    found = replace(of_document(image.document), os_version="")
    if runs_on(found, own):
        return ""
    return (
        f"The requested image's platform ({found}) does not match the detected host platform ({own}) "
        "and no specific platform was requested"
    )


def amd64_variant(flags: frozenset[str]) -> str:
    """Return the level of x86-64, v1 to v4, that a processor with these flags of /proc/cpuinfo has."""
    level = 1
    for needed in _AMD64_LEVELS:
        if not flags >= needed:
            break
        level += 1
    return f"v{level}"


def is_exactly(found: Platform, wanted: Platform) -> bool:
    """Whether both are the same platform, whatever aliases they are named by."""
    return _same(normalized(wanted), normalized(found))


def normalized(platform: Platform) -> Platform:
    """Return a platform by the names that all aliases stand for."""
    system = platform.os.lower() or "linux"
    architecture, variant = platform.architecture.lower(), platform.variant.lower()
    if architecture in ("x86_64", "x86-64", "amd64"):
        architecture, variant = "amd64", "" if variant == "v1" else variant
    elif architecture == "i386":
        architecture, variant = "386", ""
    elif architecture in ("aarch64", "arm64"):
        variant = {"8": "", "v8": "", "v8.0": "", "9": "v9", "9.0": "v9", "v9.0": "v9"}.get(variant, variant)
        architecture = "arm64"
    elif architecture in ("armhf", "armel"):
        architecture, variant = "arm", "v7" if architecture == "armhf" else "v6"
    elif architecture == "arm":
        variant = f"v{variant}" if variant in ("5", "6", "7", "8") else variant or "v7"
    return Platform("darwin" if system == "macos" else system, architecture, variant, platform.os_version)


def _same(wanted: Platform, found: Platform) -> bool:
    version = wanted.os != "windows" or not wanted.os_version or found.os_version.startswith(wanted.os_version)
    return version and replace(wanted, os_version="") == replace(found, os_version="")


def _run_by(platform: Platform) -> Iterator[Platform]:
    """Give what a machine of a normalized platform runs."""
    if platform.architecture == "arm64":
        yield from _run_by_arm64(platform)
        return
    yield platform
    version = platform.variant.removeprefix("v")
    number = int(version) if version.isdecimal() else 0
    if platform.architecture == "amd64":
        yield from (replace(platform, variant=f"v{each}" if each > 1 else "") for each in range(number - 1, 0, -1))
        yield replace(platform, architecture="386", variant="")
    elif platform.architecture == "arm":
        yield from (replace(platform, variant=f"v{each}") for each in range(number - 1, 4, -1))


def _run_by_arm64(platform: Platform) -> Iterator[Platform]:
    major, _, minor = (platform.variant or "v8").removeprefix("v").partition(".")
    newest = int(minor or 0) if (minor or "0").isdecimal() else -1
    if major in ("8", "9") and newest >= 0:
        for each in range(newest, -1, -1) if major == "9" else ():
            yield replace(platform, variant=f"v9.{each}" if each else "v9")
        newest = min(newest + _ARM64_MINOR_OF_9, _NEWEST_MINOR) if major == "9" else newest
        yield from (replace(platform, variant=f"v8.{each}" if each else "") for each in range(newest, -1, -1))
        yield from _run_by(replace(platform, architecture="arm", variant="v8"))


def rank(found: Platform, wanted: Platform) -> int | None:
    """Return how well a machine of the wanted platform runs what is for the found one: 0 is best, None not at all."""
    own = normalized(found)
    for place, each in enumerate(_run_by(normalized(wanted))):
        if _same(each, own):
            return place
    return None
