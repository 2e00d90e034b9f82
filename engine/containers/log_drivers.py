"""Which log drivers there are and what they can be told. Pure.

conmon writes one file per container, whose format is engine.containers.log_format's. json-file and local stand for
it; its size has no limit, so the options that set one are named to the client as without effect.
"""

from __future__ import annotations

from dataclasses import replace

from engine.containers.config import LogConfig
from engine.errors import InvalidParameter

DEFAULT = "json-file"
NONE = "none"
_ROTATION = ("max-size", "max-file", "compress")
_ATTRIBUTES = ("labels", "labels-regex", "env", "env-regex", "tag")
_DELIVERY = ("mode", "max-buffer-size")
OPTIONS = {
    DEFAULT: frozenset((*_ROTATION, *_ATTRIBUTES, *_DELIVERY)),
    "local": frozenset((*_ROTATION, *_DELIVERY)),
}


class UnknownLogDriver(InvalidParameter):
    """A log driver that this engine does not have."""

    def __init__(self, driver: str) -> None:
        super().__init__(f"logger: no log driver named '{driver}' is registered")
        self.driver = driver


class UnknownLogOption(InvalidParameter):
    """An option that a log driver does not take."""

    def __init__(self, option: str, driver: str) -> None:
        whose = "json-file log driver" if driver == DEFAULT else f"log driver {driver}"
        super().__init__(f"unknown log opt '{option}' for {whose}")
        self.option = option
        self.driver = driver


class InvalidLogMode(InvalidParameter):
    """A way to deliver messages that does not exist."""

    def __init__(self, mode: str) -> None:
        super().__init__(f"logger: logging mode not supported: {mode}")
        self.mode = mode


def complete(log: LogConfig) -> LogConfig:
    """Return the configuration with its driver named."""
    return log if log.type else replace(log, type=DEFAULT)


def check(log: LogConfig) -> list[str]:
    """Return a warning for each option that has no effect.

    Raises UnknownLogDriver, UnknownLogOption, InvalidLogMode.
    """
    driver = log.type or DEFAULT
    if driver == NONE:
        return []
    if driver not in OPTIONS:
        raise UnknownLogDriver(driver)
    if (mode := log.config.get("mode", "")) not in ("", "blocking", "non-blocking"):
        raise InvalidLogMode(mode)
    for option in sorted(log.config):
        if option not in OPTIONS[driver]:
            raise UnknownLogOption(option, driver)
    return [
        f"Log option {option} has no effect: this engine keeps a container's whole log."
        if option in _ROTATION
        else f"Log option {option} has no effect."
        for option in sorted(log.config)
        if option != "mode" or log.config[option] == "non-blocking"
    ]
