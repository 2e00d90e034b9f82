from __future__ import annotations

import pytest

from engine.containers.config import LogConfig
from engine.containers.log_drivers import InvalidLogMode, UnknownLogDriver, UnknownLogOption, check, complete


def test_no_driver_is_json_file() -> None:
    assert complete(LogConfig("", {"tag": "x"})) == LogConfig("json-file", {"tag": "x"})
    assert complete(LogConfig("none")) == LogConfig("none")


def test_options_without_effect_are_named() -> None:
    assert check(LogConfig("", {"max-size": "10m", "tag": "x", "mode": "blocking"})) == [
        "Log option max-size has no effect: this engine keeps a container's whole log.",
        "Log option tag has no effect.",
    ]
    assert check(LogConfig("none", {"anything": "x"})) == []


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        (LogConfig("syslog"), UnknownLogDriver, "logger: no log driver named 'syslog' is registered"),
        (LogConfig("", {"nope": "x"}), UnknownLogOption, "unknown log opt 'nope' for json-file log driver"),
        (LogConfig("local", {"tag": "x"}), UnknownLogOption, "unknown log opt 'tag' for log driver local"),
        (LogConfig("local", {"mode": "x"}), InvalidLogMode, "logger: logging mode not supported: x"),
    ],
)
def test_what_no_driver_does_is_refused(config: LogConfig, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        check(config)
    assert str(caught.value) == words
