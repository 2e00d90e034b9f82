"""An end is told by whatever looks first, however long the command that is to record it takes to start."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.harness.raw_http import send
from tests.integration.conftest import Skiff

CODE = 7


@pytest.fixture
def ended(skiff: Skiff) -> str:
    """The id of a container that has ended, as its monitor has told; the exit command never comes."""
    container = skiff.docker.ok("run", "-d", "--name", "ended", "busybox", "sleep", "1000").strip()
    folder = skiff.server.run_root / "containers" / container
    os.kill(int((folder / "conmon.pid").read_text()), signal.SIGKILL)
    (folder / "exit").write_text(str(CODE))
    return container


def test_an_inspection_tells_of_an_end_that_nobody_has_recorded(skiff: Skiff, ended: str) -> None:
    state = json.loads(send(skiff.server.url, "GET", f"/containers/{ended}/json").body)["State"]
    assert (state["Status"], state["Running"], state["ExitCode"], state["Pid"]) == ("exited", False, CODE, 0)


def test_a_list_tells_of_an_end_that_nobody_has_recorded(skiff: Skiff, ended: str) -> None:
    assert json.loads(send(skiff.server.url, "GET", "/containers/json").body) == []
    [found] = json.loads(send(skiff.server.url, "GET", "/containers/json?all=1").body)
    assert (found["Id"], found["State"]) == (ended, "exited")
