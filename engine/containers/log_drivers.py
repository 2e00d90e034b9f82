"""Which log drivers there are and what they can be told. Pure, but for the question whether there is a journal.

conmon writes one file per container, whose format is engine.containers.log_format's. json-file and local stand for it;
they differ in what they keep when nothing is said. journald is engine.containers.journal's; a driver that this engine
lacks is answered as one that it has no plugin for. As in dockerd, values are looked at when the container is started.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from engine.containers import journal
from engine.containers.config import LogConfig
from engine.errors import EngineError, InvalidParameter
from engine.lean_dataclasses import dataclass, replace

DEFAULT = "json-file"
LOCAL = "local"
JOURNALD = "journald"
NONE = "none"
_ROTATION = ("max-size", "max-file", "compress")
_ATTRIBUTES = ("labels", "labels-regex", "env", "env-regex", "tag")
_DELIVERY = ("mode", "max-buffer-size")
OPTIONS = {
    DEFAULT: frozenset((*_ROTATION, *_ATTRIBUTES, *_DELIVERY)),
    LOCAL: frozenset((*_ROTATION, *_DELIVERY)),
    JOURNALD: frozenset((*_ATTRIBUTES, *_DELIVERY)),
}
T = TypeVar("T")
_LOCAL_SIZE, _LOCAL_FILES = 20 * 1024 * 1024, 5
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")


class UnknownLogDriver(InvalidParameter):
    """A log driver that this engine does not have."""

    def __init__(self, driver: str) -> None:
        super().__init__(f'error looking up logging plugin {driver}: plugin "{driver}" not found')
        self.driver = driver


class UnknownLogOption(InvalidParameter):
    """An option that a log driver does not take."""

    def __init__(self, option: str, driver: str) -> None:
        whose = f"log driver {driver}" if driver == LOCAL else f"{driver} log driver"
        super().__init__(f"unknown log opt '{option}' for {whose}")
        self.option = option
        self.driver = driver


class InvalidLogMode(InvalidParameter):
    """A way to deliver messages that does not exist."""

    def __init__(self, mode: str) -> None:
        super().__init__(f"logger: logging mode not supported: {mode}")
        self.mode = mode


class InvalidLogBuffer(InvalidParameter):
    """A buffer for messages that cannot be meant."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LogOptionUnusable(EngineError):
    """An option's value with which no log can be kept, found when it is to be used; reason is in dockerd's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidLogOption(LogOptionUnusable, InvalidParameter):
    """The same, where dockerd calls it the client's mistake."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How much of a log is kept: files of so many bytes (0: one file without a limit), old ones packed or not."""

    size: int = 0
    files: int = 1
    compress: bool = False

    @property
    def rotates(self) -> bool:
        """Whether a full file is kept beside the new one."""
        return self.size > 0 and self.files > 1


def complete(log: LogConfig) -> LogConfig:
    """Return the configuration with its driver named."""
    return log if log.type else replace(log, type=DEFAULT)


def check(log: LogConfig) -> None:
    """Raise what is wrong with a configuration as such.

    UnknownLogDriver, UnknownLogOption, InvalidLogMode, InvalidLogBuffer.
    """
    driver = log.type or DEFAULT
    if driver == NONE:
        return
    mode = log.config.get("mode", "")
    if mode not in ("", "blocking", "non-blocking"):
        raise InvalidLogMode(mode)
    # Of the mode nothing else follows: a file takes what is written as fast as it comes, so nothing is ever dropped.
    if "max-buffer-size" in log.config:
        if mode != "non-blocking":
            raise InvalidLogBuffer("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
        if parse_size(log.config["max-buffer-size"], 1024) is None:
            reason = f"error parsing option max-buffer-size: invalid size: '{log.config['max-buffer-size']}'"
            raise InvalidLogBuffer(reason)
    if driver not in OPTIONS:
        raise UnknownLogDriver(driver)
    for option in sorted(log.config):
        if option not in OPTIONS[driver]:
            raise UnknownLogOption(option, driver)


def keeping(log: LogConfig) -> Keeping:
    """Return how much of a log is kept. Raises LogOptionUnusable, InvalidLogOption."""
    if log.type == JOURNALD:
        if not journal.enabled():
            raise LogOptionUnusable("journald is not enabled on this host")
        return Keeping()
    return _local(log.config) if log.type == LOCAL else _json_file(log.config)


def parse_size(text: str, thousand: int) -> int | None:
    """Return the bytes of a text such as 10m or 1.5 GiB, k being thousand bytes; None for another text."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    power = "kmgtp".find(match[2].lower()) + 1 if match[2] else 0
    return int(float(match[1]) * thousand**power)


def _json_file(options: dict[str, str]) -> Keeping:
    size, files, compress = 0, 1, False
    if "max-size" in options:
        size = _value(LogOptionUnusable, "", options["max-size"], _decimal_size)
        if size <= 0:
            raise LogOptionUnusable("max-size must be a positive number")
    if "max-file" in options:
        files = _value(LogOptionUnusable, "", options["max-file"], _integer)
        if files < 1:
            raise LogOptionUnusable("max-file cannot be less than 1")
    if "compress" in options:
        compress = _value(LogOptionUnusable, "", options["compress"], _boolean)
        if compress and (files == 1 or not size):
            raise LogOptionUnusable("compress cannot be true when max-file is less than 2 or max-size is not set")
    return Keeping(size, files, compress)


def _local(options: dict[str, str]) -> Keeping:
    size, files, compress = _LOCAL_SIZE, _LOCAL_FILES, True
    for option in ("max-size", "max-file"):
        if option in options:
            prefix = f"invalid value for {option}: {options[option]}: "
            if option == "max-size":
                size = _value(InvalidLogOption, prefix, options[option], _decimal_size)
            else:
                files = _value(InvalidLogOption, prefix, options[option], _integer)
    if "compress" in options:
        compress = _value(InvalidLogOption, "error reading compress log option: ", options["compress"], _boolean)
    if files < 0:
        raise InvalidLogOption("max file count cannot be less than 0")
    if compress and files <= 1:
        raise InvalidLogOption("compression cannot be enabled when max file count is 1")
    return Keeping(size, max(files, 1), compress)


def _value(error: type[LogOptionUnusable], prefix: str, text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except ValueError as cause:
        raise error(f"{prefix}{cause}") from cause


def _decimal_size(text: str) -> int:
    size = parse_size(text, 1000)
    if size is None:
        raise ValueError(f"invalid size: '{text}'")
    return size


def _integer(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    if not -(1 << 63) <= int(text) < 1 << 63:
        raise ValueError(f'strconv.Atoi: parsing "{text}": value out of range')
    return int(text)


def _boolean(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
