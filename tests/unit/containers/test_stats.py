from __future__ import annotations

import pytest

from engine.containers.stats import next_due


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [(10.0, 10.0, 11.0), (10.0, 10.9, 11.0), (10.0, 11.0, 11.0), (10.0, 11.1, 12.0), (10.0, 15.5, 16.0)],
)
def test_looks_stay_whole_seconds_apart(last: float, now: float, due: float) -> None:
    assert next_due(last, now) == due
