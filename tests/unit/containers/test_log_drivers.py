from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.containers import journal
from engine.containers.config import ContainerConfig, HostConfig, LogConfig
from engine.containers.log_attributes import attributes
from engine.containers.log_drivers import (
    InvalidLogBuffer,
    InvalidLogMode,
    InvalidLogOption,
    Keeping,
    LogOptionUnusable,
    UnknownLogDriver,
    UnknownLogOption,
    check,
    complete,
    keeping,
    parse_size,
)
from engine.containers.record import Container, Definition, NetworkState, State


def test_no_driver_is_json_file() -> None:
    assert complete(LogConfig("", {"tag": "x"})) == LogConfig("json-file", {"tag": "x"})
    assert complete(LogConfig("none")) == LogConfig("none")


def test_what_a_driver_takes_is_no_error() -> None:
    check(LogConfig("", {"max-size": "10m", "tag": "x", "mode": "blocking"}))
    check(LogConfig("local", {"mode": "non-blocking", "max-buffer-size": "4m"}))
    check(LogConfig("none", {"anything": "x"}))


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        (LogConfig("nope"), UnknownLogDriver, 'error looking up logging plugin nope: plugin "nope" not found'),
        (LogConfig("", {"nope": "x"}), UnknownLogOption, "unknown log opt 'nope' for json-file log driver"),
        (LogConfig("local", {"tag": "x"}), UnknownLogOption, "unknown log opt 'tag' for log driver local"),
        (LogConfig("journald", {"nope": "x"}), UnknownLogOption, "unknown log opt 'nope' for journald log driver"),
        (LogConfig("local", {"mode": "x"}), InvalidLogMode, "logger: logging mode not supported: x"),
        (
            LogConfig("", {"max-buffer-size": "1m"}),
            InvalidLogBuffer,
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
        (
            LogConfig("", {"mode": "non-blocking", "max-buffer-size": "x"}),
            InvalidLogBuffer,
            "error parsing option max-buffer-size: invalid size: 'x'",
        ),
    ],
)
def test_what_no_driver_does_is_refused(config: LogConfig, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        check(config)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("driver", "options", "expected"),
    [
        ("json-file", {}, Keeping()),
        ("json-file", {"max-size": "10m"}, Keeping(10_000_000, 1)),
        ("json-file", {"max-size": "1.5k", "max-file": "3", "compress": "true"}, Keeping(1500, 3, True)),
        ("local", {}, Keeping(20 << 20, 5, True)),
        ("local", {"max-file": "1", "compress": "false"}, Keeping(20 << 20, 1, False)),
    ],
)
def test_how_much_is_kept(driver: str, options: dict[str, str], expected: Keeping) -> None:
    assert keeping(LogConfig(driver, options)) == expected


@pytest.mark.parametrize(
    ("driver", "options", "words"),
    [
        ("json-file", {"max-size": "-1k"}, "invalid size: '-1k'"),
        ("json-file", {"max-size": "0"}, "max-size must be a positive number"),
        ("json-file", {"max-file": "x"}, 'strconv.Atoi: parsing "x": invalid syntax'),
        ("json-file", {"max-file": "0"}, "max-file cannot be less than 1"),
        ("json-file", {"compress": "x"}, 'strconv.ParseBool: parsing "x": invalid syntax'),
        (
            "json-file",
            {"compress": "true"},
            "compress cannot be true when max-file is less than 2 or max-size is not set",
        ),
        ("journald", {}, "journald is not enabled on this host"),
        ("local", {"max-size": "x"}, "invalid value for max-size: x: invalid size: 'x'"),
        ("local", {"max-file": "1"}, "compression cannot be enabled when max file count is 1"),
    ],
)
def test_values_with_which_no_log_can_be_kept(
    monkeypatch: pytest.MonkeyPatch, driver: str, options: dict[str, str], words: str
) -> None:
    monkeypatch.setattr(journal, "SOCKET", "/nonexistent")
    with pytest.raises(LogOptionUnusable) as caught:
        keeping(LogConfig(driver, options))
    assert str(caught.value) == words
    assert isinstance(caught.value, InvalidLogOption) == (driver == "local")


def test_sizes() -> None:
    assert parse_size("1.5 GiB", 1024) == 3 << 29
    assert parse_size("2kb", 1000) == 2000
    assert parse_size("", 1000) is None


def container(**options: str) -> Container:
    config = ContainerConfig(image="busybox:1", labels={"a": "1", "ab": "2"}, env=["A=x", "B=y=z", "odd"])
    definition = Definition(config, HostConfig(log_config=LogConfig("json-file", options)), path="sh", args=["-c", "x"])
    return Container("0123456789abcdef" * 4, "web", 0, "f" * 64, definition, State(), NetworkState())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {}),
        ({"labels": "a,none", "env": "B"}, {"a": "1", "B": "y=z"}),
        ({"labels-regex": "^a", "env-regex": "A"}, {"a": "1", "ab": "2", "A": "x"}),
        (
            {"tag": "{{.Name}}/{{ .ID }}/{{.ImageName}}"},
            {"tag": "web/0123456789ab/busybox:1"},
        ),
        ({"tag": "{{.ImageID}} {{.Command}}"}, {"tag": "sha256:fffff sh -c x"}),
    ],
)
def test_attributes(options: dict[str, Any], expected: dict[str, str]) -> None:
    assert attributes(container(**options)) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"labels-regex": "("}, "error parsing regexp: missing closing ): `(`"),
        ({"tag": "{{"}, "template: log-tag:1: unclosed action"),
        (
            {"tag": "{{.Nope}}"},
            'template: log-tag:1:2: executing "log-tag" at <.Nope>: can\'t evaluate field Nope in type *logger.Info',
        ),
        ({"tag": "{{nope .ID}}"}, 'template: log-tag:1: function "nope" not defined'),
    ],
)
def test_attributes_that_cannot_be_made(options: dict[str, Any], words: str) -> None:
    with pytest.raises(LogOptionUnusable) as caught:
        attributes(container(**options))
    assert str(caught.value) == words


def test_the_keepers_script_is_there() -> None:
    from engine.containers.log_rotation import _script

    assert Path(_script()).is_file()
