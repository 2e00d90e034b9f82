"""Fixtures for the tests that run real containers: they need root, crun, conmon, nft and a docker command.

Nothing here skips: a machine that lacks one of them fails, with what to install.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import leftovers
from tests.harness.docker_cli import Docker
from tests.harness.server import Mode, Server


class Skiff:
    """An engine with an image, a socket-activated server and a docker command for it."""

    def __init__(self, home: Path, mode: Mode = "shared", *, idle_timeout: float = 10.0) -> None:
        self.home = home
        self.server = Server(home, mode, idle_timeout=idle_timeout)
        self.docker = Docker(self.server.url, home / "docker-config")
        self._more: list[Server] = []

    def another_server(self, mode: Mode, *, idle_timeout: float = 10.0) -> tuple[Server, Docker]:
        """Start one more way to the same engine."""
        server = Server(self.home, mode, idle_timeout=idle_timeout)
        server.start()
        self._more.append(server)
        return server, Docker(server.url, self.home / "docker-config")

    def remove_containers(self) -> None:
        """Remove every container and its anonymous volumes."""
        ids = self.docker.ok("ps", "-aq").split()
        if ids:
            self.docker.ok("rm", "-f", "-v", *ids)

    def left(self) -> dict[str, list[str]]:
        """Return what is left on the machine once no container is there."""
        return leftovers.at_rest(self.server.root, self.server.run_root)

    def stop(self) -> None:
        """End the servers."""
        for server in [*self._more, self.server]:
            server.stop()
        self._more = []


def make_skiff(busybox_tar: Path, mode: Mode = "shared", *, idle_timeout: float = 10.0) -> Skiff:
    """Make an engine below a short path of its own, and load busybox into it."""
    if os.geteuid() != 0:
        raise RuntimeError("the integration tests need root")
    home = Path(tempfile.mkdtemp(prefix="skiff-", dir="/tmp"))
    (home / "docker-config").mkdir()
    skiff = Skiff(home, mode, idle_timeout=idle_timeout)
    skiff.server.start()
    skiff.docker.ok("load", "-i", str(busybox_tar))
    return skiff


def end_skiff(skiff: Skiff) -> None:
    """Take an engine away; raises AssertionError when it leaves anything behind."""
    try:
        skiff.remove_containers()
    finally:
        skiff.stop()
    left = skiff.left()
    leftovers.take_away(skiff.server.root, skiff.server.run_root)
    assert not left, f"left behind: {left}\n{skiff.server.words()}"
    shutil.rmtree(skiff.home)


class Foreign(Skiff):
    """Another engine, such as dockerd itself: a test is not to be trusted before it has passed there."""

    def __init__(self, home: Path, url: str) -> None:
        super().__init__(home)
        self.server = ForeignServer(home, url)
        self.docker = Docker(url, home)

    def left(self) -> dict[str, list[str]]:
        """Return nothing: what dockerd leaves is not ours to judge."""
        return {}


class ForeignServer(Server):
    """A server that is there already."""

    def __init__(self, home: Path, url: str) -> None:
        super().__init__(home)
        self._url = url

    @property
    def url(self) -> str:
        """What DOCKER_HOST is set to."""
        return self._url


@pytest.fixture(scope="session")
def shared_skiff(busybox_tar: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Skiff]:
    """The engine that most tests use in turn.

    SKIFF_TEST_HOST names another one, all of whose containers are removed: a dockerd of the tests' own.
    """
    if url := os.environ.get("SKIFF_TEST_HOST"):
        foreign = Foreign(tmp_path_factory.mktemp("foreign"), url)
        foreign.docker.ok("load", "-i", str(busybox_tar))
        yield foreign
        return
    skiff = make_skiff(busybox_tar)
    yield skiff
    end_skiff(skiff)


@pytest.fixture
def skiff(shared_skiff: Skiff) -> Iterator[Skiff]:
    """The shared engine, without containers before and after."""
    yield shared_skiff
    shared_skiff.remove_containers()


@pytest.fixture
def docker(skiff: Skiff) -> Docker:
    """The docker command on the shared engine."""
    return skiff.docker


@pytest.fixture
def own_skiff(busybox_tar: Path) -> Iterator[Callable[..., Skiff]]:
    """Makes engines that no other test uses: own_skiff(mode, idle_timeout=...)."""
    made: list[Skiff] = []

    def make(mode: Mode = "shared", *, idle_timeout: float = 10.0) -> Skiff:
        made.append(make_skiff(busybox_tar, mode, idle_timeout=idle_timeout))
        return made[-1]

    yield make
    for skiff in made:
        end_skiff(skiff)
