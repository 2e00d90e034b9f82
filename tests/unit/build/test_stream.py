"""A stream of a build's events gives all that the builder tells, and ends when the builder does, whatever came last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from engine.build import stream as module
from engine.build.events import BuildEvent, Output
from engine.build.stream import MOMENT, stream
from engine.errors import EngineError


class Builder:
    """Tells something, is silent for a time and then ends, well or badly."""

    silence: float
    error: EngineError | None

    def __init__(self, _engine: object, _request: object, tell: Callable[[BuildEvent], None]) -> None:
        self._tell = tell
        self.cancellation = self

    def run(self) -> str:
        """Build nothing."""
        self._tell(Output("said"))
        time.sleep(self.silence)
        if self.error is not None:
            raise self.error
        return ""

    def cancel(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


async def told() -> list[BuildEvent]:
    nothing: Any = None
    async with asyncio.timeout(20):
        return [event async for events in stream(nothing, nothing) for event in events]


@pytest.mark.parametrize("moments", [0, 0.5, 1, 1.5, 2, 2.5, 4])
def test_it_ends_however_long_the_builder_was_silent(monkeypatch: pytest.MonkeyPatch, moments: float) -> None:
    monkeypatch.setattr(module, "Builder", Builder)
    Builder.silence, Builder.error = moments * MOMENT, None
    assert asyncio.run(told()) == [Output("said")]
    Builder.error = EngineError("failed")
    with pytest.raises(EngineError):
        asyncio.run(told())
