from __future__ import annotations

import pytest

from compat_api.shapes.times import NEVER, SECOND, human_duration, rfc3339_nano, rfc3339_nano_fixed

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (-5 * SECOND, "Less than a second"),
        (0, "Less than a second"),
        (SECOND - 1, "Less than a second"),
        (SECOND, "1 second"),
        (2 * SECOND, "2 seconds"),
        (MINUTE - 1, "59 seconds"),
        (MINUTE, "About a minute"),
        (2 * MINUTE - 1, "About a minute"),
        (2 * MINUTE, "2 minutes"),
        (HOUR - 1, "59 minutes"),
        (HOUR, "About an hour"),
        (90 * MINUTE - 1, "About an hour"),
        (90 * MINUTE, "2 hours"),
        (47 * HOUR, "47 hours"),
        (48 * HOUR, "2 days"),
        (14 * DAY - HOUR, "13 days"),
        (14 * DAY, "2 weeks"),
        (60 * DAY, "2 months"),
        (2 * 365 * DAY, "2 years"),
    ],
)
def test_human_durations(duration: int, text: str) -> None:
    assert human_duration(duration) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, NEVER),
        (1795467353_226792022, "2026-11-23T20:55:53.226792022Z"),
        (1795467353_226792000, "2026-11-23T20:55:53.226792Z"),
        (1795467353_000000000, "2026-11-23T20:55:53Z"),
        (1795467350_000000001, "2026-11-23T20:55:50.000000001Z"),
    ],
)
def test_times(moment: int, text: str) -> None:
    assert rfc3339_nano(moment) == text


def test_log_times_keep_their_zeros() -> None:
    assert rfc3339_nano_fixed(1795467353_226792000) == "2026-11-23T20:55:53.226792000Z"
