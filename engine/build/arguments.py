"""Build arguments: which are known where, and their values. Pure; the rules are dockerd's.

A value that the client gives wins over ARG's default, and that over the one of an ARG before the first FROM. Those for
proxies need no ARG and do not show in the history. BuildKit's arguments about platforms are known where they are named.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.lean_dataclasses import dataclass, field

PREDEFINED = tuple(
    name for upper in ("HTTP", "HTTPS", "FTP", "NO", "ALL") for name in (f"{upper}_PROXY", f"{upper.lower()}_proxy")
)


@dataclass(slots=True)
class Arguments:
    """The arguments of one stage, or of what stands before all stages."""

    given: Mapping[str, str | None]  # by the client; None: named without a value
    platform: Mapping[str, str] = field(default_factory=dict)  # TARGETPLATFORM and its like
    early: dict[str, str | None] = field(default_factory=dict)  # before the first FROM
    allowed: dict[str, str | None] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)  # by any ARG so far

    def for_stage(self) -> Arguments:
        """Return the arguments with which a stage begins."""
        return Arguments(self.given, self.platform, dict(self.early))

    def add(self, name: str, default: str | None) -> None:
        """Take an ARG of a stage."""
        self.allowed[name] = default
        self.named.add(name)

    def add_early(self, name: str, default: str | None) -> None:
        """Take an ARG before the first FROM."""
        self.add(name, default)
        self.early[name] = default

    def values(self) -> dict[str, str]:
        """Return the values of all arguments that instructions may use here."""
        return self._values(self.allowed)

    def early_values(self) -> dict[str, str]:
        """Return the values that FROM may use."""
        return {**self.platform, **self._values(self.early)}

    def beside(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the values of the arguments that no variable of the image hides."""
        return {name: value for name, value in self.values().items() if name not in variables}

    def shows_in_history(self, name: str) -> bool:
        """Whether an argument is told of where a command used it."""
        return name in self.allowed or name not in PREDEFINED

    def _values(self, source: Mapping[str, str | None]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in dict.fromkeys([*source, *PREDEFINED]):
            value = self.given.get(name)
            if value is None:
                value = source.get(name)
            if value is None:
                value = self.early.get(name)
            if value is None and name in source:
                value = self.platform.get(name)
            if value is not None:
                found[name] = value
        return found


def unused(given: Mapping[str, str | None], named: set[str]) -> list[str]:
    """Return the arguments that the client gave and no ARG names, sorted."""
    return sorted(name for name in given if name not in PREDEFINED and name not in named)


def platform_arguments(build: str, target: str) -> dict[str, str]:
    """Return the arguments about platforms, each platform a text such as linux/arm/v7."""
    found: dict[str, str] = {}
    for prefix, text in (("BUILD", build), ("TARGET", target)):
        system, architecture, variant = (*text.split("/"), "", "")[:3]
        found[f"{prefix}PLATFORM"] = text
        found[f"{prefix}OS"] = system
        found[f"{prefix}ARCH"] = architecture
        found[f"{prefix}VARIANT"] = variant
    return found
