"""Every scenario against a Skiff of its own: the answers are the ones that dockerd 28.5 gave (golden/)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance import runner
from tests.conformance.scenarios import SCENARIOS
from tests.harness import leftovers
from tests.harness.server import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with the scenarios' image."""
    home = Path(tempfile.mkdtemp(prefix="skiff-", dir="/tmp"))
    server = Server(home)
    server.start()
    try:
        runner.load_image(server.socket)
        yield server
        runner.drop_image(server.socket)
    finally:
        server.stop()
        left = leftovers.at_rest(server.root, server.run_root)
        leftovers.take_away(server.root, server.run_root)
    assert not left, f"left behind: {left}\n{server.words()}"
    shutil.rmtree(home)


@pytest.mark.parametrize("name", SCENARIOS)
def test_answers_as_dockerd_does(server: Server, name: str) -> None:
    lines = runner.differences(name, runner.golden(name), runner.run(name, server.socket))
    runner.remove_containers(server.socket)
    assert not lines, "\n".join([*lines, server.words()])
