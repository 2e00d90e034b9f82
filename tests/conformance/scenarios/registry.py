"""Where scenarios enter themselves."""

from __future__ import annotations

from collections.abc import Callable

from tests.conformance.session import Session

Scenario = Callable[[Session], None]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    """Enter a scenario under its function's name."""
    SCENARIOS[function.__name__] = function
    return function
