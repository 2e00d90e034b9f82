"""HostConfig.SecurityOpt: what its texts mean.

Pure. dockerd's separators (= and, of old, :) and its words for what it does not know.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import EngineError
from engine.lean_dataclasses import dataclass

_TRUE = {"1", "t", "T", "TRUE", "true", "True"}
_FALSE = {"0", "f", "F", "FALSE", "false", "False"}


class InvalidSecurityOption(EngineError):
    """A security option that is not understood: step 1 is about its form, step 2 about its key or value.

    No InvalidParameter, since dockerd takes it for a failure of its own.
    """

    def __init__(self, option: str, step: int) -> None:
        super().__init__(f'invalid --security-opt {step}: "{option}"')
        self.option = option
        self.step = step


@dataclass(frozen=True, slots=True)
class SecurityOptions:
    """What the options ask for; "" and None leave it to the defaults."""

    no_new_privileges: bool = False
    writable_cgroups: bool | None = None
    apparmor: str = ""
    seccomp: str = ""  # "", unconfined, builtin or a profile as JSON
    labels: tuple[str, ...] = ()  # SELinux


def parse_security_options(options: Sequence[str] | None) -> SecurityOptions:
    """Read the options, the last one of a kind winning. Raises InvalidSecurityOption."""
    no_new_privileges = False
    writable_cgroups: bool | None = None
    apparmor = seccomp = ""
    labels: list[str] = []
    for option in options or ():
        match _split(option):
            case "no-new-privileges", value:
                no_new_privileges = _boolean(option, value)
            case "writable-cgroups", value:
                writable_cgroups = _boolean(option, value)
            case "label", value:
                labels.append(value)
            case "apparmor", value:
                apparmor = value
            case "seccomp", value:
                seccomp = value
            case _:
                raise InvalidSecurityOption(option, 2)
    return SecurityOptions(no_new_privileges, writable_cgroups, apparmor, seccomp, tuple(labels))


def _split(option: str) -> tuple[str, str]:
    if option in ("no-new-privileges", "writable-cgroups"):
        return option, "true"
    if option == "disable":
        return "label", "disable"
    for separator in ("=", ":"):
        key, found, value = option.partition(separator)
        if found:
            return key, value
    raise InvalidSecurityOption(option, 1)


def _boolean(option: str, value: str) -> bool:
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise InvalidSecurityOption(option, 2)
