"""A server that is killed in the middle of a pull, again and again: nothing half there, and the next pull works.

SKIFF_CRASHES says how often (make crashes: 50), SKIFF_SEED where chance begins.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import Engine, Settings
from engine.images.reference import parse
from engine.registry.transfers import NotRegistered
from tests.harness.registry import Registry
from tests.harness.registry_images import add_image, layer
from tests.integration.conftest import Skiff
from tests.integration.registry.conftest import Puller

CRASHES = int(os.environ.get("SKIFF_CRASHES", "3"))
SEED = int(os.environ.get("SKIFF_SEED", "1"))
PATIENCE = 120.0  # seconds without a word from a server
PULL_SECONDS = 1.2  # about what a pull takes here


def test_killed_pulls_leave_nothing_half_there(own_skiff: Callable[..., Skiff]) -> None:
    chance = random.Random(SEED)
    skiff = own_skiff("isolated")
    with Registry() as registry:
        layers = [layer(number, 400_000) for number in range(4)]
        add_image(registry, "big", "1", layers)
        registry.faults.blob_seconds = 0.02
        name = f"{registry.host}/big:1"
        for round_ in range(CRASHES):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(skiff.server.socket))
                client.settimeout(PATIENCE)
                client.sendall(f"POST /v1.51/images/create?fromImage={name} HTTP/1.1\r\nHost: d\r\n\r\n".encode())
                assert client.recv(1), "the server hung up before it said anything"
                time.sleep(chance.uniform(0, PULL_SECONDS))
                skiff.server.kill_servers()
            images = skiff.docker.ok("images", "-q", name).split()
            if images:
                assert skiff.docker.ok("inspect", "-f", "{{len .RootFS.Layers}}", name).strip() == "4", round_
                skiff.docker.ok("rmi", name)
        registry.faults.blob_seconds = 0
        skiff.docker.ok("pull", name)
        skiff.docker.ok("rmi", name)
        store = Engine(Settings(root=skiff.server.root, run_root=skiff.server.run_root)).store
        assert len(store.all_layers()) == 1, "busybox's"
        assert os.listdir(store.layers.staging) == []
        assert len(store.layers.overlay.layer_folders()) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    image, folder = tmp_path / "disk.img", tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(24 << 20)
    folder.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_a_full_disk_is_told_of_and_left_as_it_was(small_disk: Path, tmp_path: Path) -> None:
    puller = Puller(tmp_path / "engine", small_disk / "store")
    with Registry() as registry:
        add_image(registry, "big", "1", [layer(1, 1_000_000), layer(2, 40_000_000)])
        add_image(registry, "small", "1", [layer(3, 100_000)])
        free = os.statvfs(small_disk).f_bavail
        with pytest.raises(NotRegistered, match="failed to register layer: "):
            await puller.told(puller.engine.images.pull(parse(f"{registry.host}/big:1")))
        assert puller.engine.store.images() == []
        assert puller.left() == []
        block = os.statvfs(small_disk).f_frsize
        assert (free - os.statvfs(small_disk).f_bavail) * block < 4 << 20
        await puller.told(puller.engine.images.pull(parse(f"{registry.host}/small:1")))


def test_processes_that_pull_the_same_image_fetch_it_once(own_skiff: Callable[..., Skiff]) -> None:
    skiff = own_skiff("isolated")
    with Registry() as registry:
        add_image(registry, "big", "1", [layer(number, 300_000) for number in range(3)])
        registry.faults.blob_seconds = 0.1
        name = f"{registry.host}/big:1"
        pulls = [skiff.docker.start("pull", name) for _ in range(3)]
        said = [pull.communicate(timeout=PATIENCE) for pull in pulls]
        assert [pull.returncode for pull in pulls] == [0, 0, 0], said
        fetched = [each for each in registry.requests if each.startswith("GET") and "/blobs/" in each]
        assert len(fetched) == len(set(fetched)) == 4, "three layers and the configuration"
        skiff.docker.ok("rmi", name)
    locks = skiff.server.run_root / "locks" / "pull"
    assert not locks.exists() or os.listdir(locks) == []
