from __future__ import annotations

import pytest

from engine.containers.config import Healthcheck
from engine.containers.health import command, start_failure
from engine.health_monitor import duration

SHELL = ["/bin/sh", "-c"]


@pytest.mark.parametrize(
    ("test", "shell", "wanted"),
    [
        (None, None, None),
        ([], None, None),
        (["NONE"], None, None),
        (["NONE", "x"], None, None),
        (["SOMETHING", "x"], None, None),
        (["CMD", "a", "b c"], ["/bin/ash"], ["a", "b c"]),
        (["CMD"], None, [""]),
        (["CMD-SHELL", "a | b"], None, [*SHELL, "a | b"]),
        (["CMD-SHELL", "a", "b"], None, [*SHELL, "a", "b"]),
        (["CMD-SHELL", "a"], ["/bin/ash", "-xc"], ["/bin/ash", "-xc", "a"]),
    ],
)
def test_what_a_check_runs(test: list[str] | None, shell: list[str] | None, wanted: list[str] | None) -> None:
    assert command(Healthcheck(test=test), shell) == wanted


def test_no_check_runs_nothing() -> None:
    assert command(None, None) is None


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (30_000_000_000, "30s"),
        (700_000_000, "700ms"),
        (1_500_000, "1.5ms"),
        (1_500_000_000, "1.5s"),
        (60_000_000_000, "1m0s"),
        (90_500_000_000, "1m30.5s"),
        (3_600_000_000_000, "1h0m0s"),
        (1000, "1\N{MICRO SIGN}s"),
    ],
)
def test_time_spans_are_written_as_go_does(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text


def test_a_program_that_is_missing_is_told_of_in_dockerds_words() -> None:
    said = "2026-11-25T00:00:00Z: executable file `nope` not found in $PATH: No such file or directory\n"
    assert start_failure(said, '{"cmd":["nope"]}') == (
        "OCI runtime exec failed: exec failed: unable to start container process: "
        'exec: "nope": executable file not found in $PATH'
    )
