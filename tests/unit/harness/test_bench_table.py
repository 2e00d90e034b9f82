"""The benchmark's arithmetic and its table."""

from __future__ import annotations

from tests.bench.__main__ import interleaved, table
from tests.bench.engines import Engine


def test_rounds_take_every_engine_in_turn_and_the_median_counts() -> None:
    first, second = Engine(), Engine()
    order = []
    values = {first: iter([1.0, 9.0, 2.0]), second: iter([None, None, None])}

    def measure(engine: Engine) -> float | None:
        order.append(engine)
        return next(values[engine])

    assert interleaved([first, second], measure, 3) == [2.0, None]
    assert order == [first, second] * 3


def test_ratios_are_to_the_first_engine() -> None:
    lines = table(
        ["ours", "theirs"], [("fast", [2.0, 50.0], "ms"), ("cold", [3.0, None], "ms"), ("idle", [0.0, 7.0], "MiB")]
    )
    assert [line.split() for line in lines.splitlines()] == [
        ["ours", "theirs"],
        ["fast", "2.00", "ms", "50.0", "ms", "(25.00x)"],
        ["cold", "3.00", "ms", "-"],
        ["idle", "0.00", "MiB", "7.00", "MiB"],
    ]
