"""A small form of the crash campaign (`make crash-test`): the same kills, a few of them, always the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.campaign import Campaign
from tests.harness import leftovers


@pytest.fixture(scope="module")
def campaign() -> Iterator[Campaign]:
    """A campaign over an engine of its own."""
    home = Path(tempfile.mkdtemp(prefix="skiff-crash-", dir="/tmp"))
    made = Campaign(home, seed=7)
    yield made
    leftovers.take_away(made.root, made.run_root)
    shutil.rmtree(home)


@pytest.mark.parametrize("verb", ["create", "start", "settle", "remove-force"])
def test_a_kill_loses_nothing_and_leaves_nothing(campaign: Campaign, verb: str) -> None:
    before = campaign.report.kills
    campaign.every_step(verb, at_most=2)
    assert campaign.report.faults == []
    assert campaign.report.kills > before
    assert campaign.report.steps[verb] > 10
