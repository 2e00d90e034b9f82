"""An engine whose store podman, buildah and skopeo use, too, and a server over it."""

from __future__ import annotations

import io
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine, Settings
from tests.harness import leftovers
from tests.harness.busybox_image import busybox_archive
from tests.harness.docker_cli import Docker
from tests.harness.server import Server
from tests.harness.siblings import Siblings, shared_folder

NAME, FULL = "shared-busybox:latest", "docker.io/library/shared-busybox:latest"


@pytest.fixture
def siblings() -> Iterator[Siblings]:
    """The tools, over the store of the fixture engine."""
    with shared_folder() as (home, peers, root):
        siblings = Siblings(home, home / "root" / "storage", home / "run" / "storage", peers, root)
        yield siblings
        siblings.podman("rm", "--all", "--force")
        siblings.podman("rmi", "--all", "--force")


@pytest.fixture
def engine(siblings: Siblings) -> Iterator[Engine]:
    """An engine with busybox."""
    home = siblings.home
    engine = Engine(Settings(root=home / "root", run_root=home / "run"))
    for _ in engine.images.load(io.BytesIO(busybox_archive([NAME]))):
        pass
    yield engine
    for container in engine.store.containers():
        engine.store.delete_container(container.id)


@pytest.fixture
def docker(engine: Engine, siblings: Siblings) -> Iterator[Docker]:
    """The docker command, at a server over the engine's store."""
    server = Server(siblings.home)
    with tempfile.TemporaryDirectory() as config:
        server.start()
        try:
            yield Docker(server.url, Path(config))
        finally:
            server.stop()
    # The others mount this folder on itself, and leave it so.
    subprocess.run(["umount", "-q", siblings.home / "root/storage/overlay"], stderr=subprocess.DEVNULL)
    left = leftovers.at_rest(server.root, server.run_root)
    leftovers.take_away(server.root, server.run_root)
    assert not left, f"left behind: {left}\n{server.words()}"
