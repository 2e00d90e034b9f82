"""Patterns and times in filters."""

from __future__ import annotations

import pytest

from engine.images.listing import BadPattern, path_matches
from engine.times import nanoseconds_of, seconds_of


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("busy*", "busybox:latest", True),
        ("busy*", "busybox/x", False),
        ("*/*", "a/b", True),
        ("b?x", "box", True),
        ("b[a-o]x", "box", True),
        ("b[^a-o]x", "box", False),
        ("b\\*x", "b*x", True),
        ("b\\*x", "bax", False),
        ("", "", True),
        ("a.c", "abc", False),
    ],
)
def test_patterns_are_gos(pattern: str, text: str, fits: bool) -> None:
    assert path_matches(pattern, text) is fits


@pytest.mark.parametrize("pattern", ["[bad", "a\\", "[]"])
def test_bad_patterns(pattern: str) -> None:
    with pytest.raises(BadPattern):
        path_matches(pattern, "x")


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("2026-11-23T20:33:27.870567669Z", 1_795_466_007_870_567_669),
        ("2026-11-23T22:33:27.870567669+02:00", 1_795_466_007_870_567_669),
        ("2026-11-23", 1_795_392_000_000_000_000),
        ("yesterday", None),
        ("2026-13-23T00:00:00Z", None),
    ],
)
def test_times(text: str, nanoseconds: int | None) -> None:
    assert nanoseconds_of(text) == nanoseconds


def test_a_missing_time_counts_as_zero() -> None:
    assert seconds_of("") == 0
