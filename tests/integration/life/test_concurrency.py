"""A small form of the concurrency run (`make concurrency-test`), a server per connection."""

from __future__ import annotations

from collections.abc import Callable

from tests.concurrency.run import run
from tests.integration.conftest import Skiff


def test_many_clients_at_once_are_told_the_truth(own_skiff: Callable[..., Skiff]) -> None:
    skiff = own_skiff("isolated")
    report = run(skiff.server.url, "busybox", clients=5, seconds=600, containers=3, steps=5)
    assert report.faults == [], skiff.server.words()
    assert report.answers.total() >= 25
