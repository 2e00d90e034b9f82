"""What goes wrong while images come and go: full disks, kills, archives that end too early. Nothing half stays.

SKIFF_KILLS is how many kills of a load and of a removal are tried; `make kills` tries fifty of each.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import multiprocessing
import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import Engine, Settings
from engine.errors import BadArchive, EngineError, NoSuchImage
from engine.storage import examine
from engine.storage.extract import LayerUnwritable
from tests.harness.tars import archive, files, member

KILLS = int(os.environ.get("SKIFF_KILLS", "6"))
NAME = "broken:1"


def image_archive(layers: list[bytes], name: str = NAME) -> bytes:
    digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{each}" for each in digests]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode()
    listed = [{"Config": "c.json", "RepoTags": [name], "Layers": digests}]
    members = [member(digest, layer) for digest, layer in zip(digests, layers, strict=True)]
    return archive(*members, member("c.json", config), member("manifest.json", json.dumps(listed).encode()))


def some_layers(seed: int) -> list[bytes]:
    chance = random.Random(seed)
    return [
        files({f"d{number}/{index}": chance.randbytes(chance.randrange(6000)) for index in range(150)})
        for number in range(4)
    ]


def load(engine: Engine, data: bytes) -> None:
    for _ in engine.images.load(io.BytesIO(data)):
        pass


def new_engine(home: Path) -> Engine:
    return Engine(Settings(root=home / "root", run_root=home / "run", graph_root=home / "graph"))


def inventory(engine: Engine) -> list[str]:
    """Return what lies in the store, but for lock files and the records' own files."""
    root = engine.store.graph_root
    kept = ("overlay/l", "overlay/tempdirs", "overlay", "overlay-layers", "overlay-images", "overlay-containers")
    found = [str(path.relative_to(root)) for path in root.rglob("*") if "/diff/" not in str(path)]
    return sorted(each for each in found if each not in kept and not each.endswith((".lock", ".json", ".tmp")))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for ten megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10m", "small", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def loading(engine: Engine, layer: bytes) -> None:
    load(engine, image_archive([files({"first": b"1"}), layer]))


def importing(engine: Engine, layer: bytes) -> None:
    engine.images.import_image(io.BytesIO(layer), "broken", "1")


@pytest.mark.parametrize("verb", [loading, importing])
def test_a_full_disk_is_told_and_leaves_nothing(small_disk: Path, verb: Callable[[Engine, bytes], None]) -> None:
    engine = new_engine(small_disk)
    load(engine, image_archive([files({"small": b"1"})], "whole:1"))
    before = inventory(engine)
    with pytest.raises(LayerUnwritable, match=r"^write big/\d: no space left on device$"):
        verb(engine, files({f"big/{number}": os.urandom(3 << 20) for number in range(9)}))
    assert inventory(engine) == before
    assert examine.examine(engine.store, contents=True) == []
    with pytest.raises(NoSuchImage):
        engine.images.resolve(NAME)
    verb(engine, files({"fits": b"x" * 100_000}))
    assert engine.images.resolve(NAME)


@pytest.mark.parametrize("seed", range(10))
def test_an_archive_that_ends_too_early_leaves_nothing(tmp_path: Path, seed: int) -> None:
    engine = new_engine(tmp_path)
    load(engine, image_archive([files({"small": b"1"})], "whole:1"))
    before = inventory(engine)
    data = image_archive(some_layers(seed))
    with pytest.raises(BadArchive):
        load(engine, data[: random.Random(seed).randrange(600, len(data) - 12_000)])
    assert inventory(engine) == before
    assert examine.examine(engine.store) == []


def _load(home: Path, data: bytes) -> None:
    load(new_engine(home), data)


def _remove(home: Path) -> None:
    new_engine(home).images.remove(NAME)


def killed(target: Callable[..., None], *arguments: object, after: float) -> bool:
    """Run something in a process and kill that after so many seconds; returns whether it came to its end before."""
    child = multiprocessing.get_context("fork").Process(target=target, args=arguments)
    child.start()
    child.join(after)
    ended = child.exitcode is not None
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid or 0, signal.SIGKILL)
    child.join()
    return ended


def check_whole(home: Path) -> bool:
    """Assert that the store is whole or can be mended, and return whether the image is there."""
    engine = new_engine(home)
    examine.repair(engine.store)
    assert examine.examine(engine.store, contents=True) == []
    assert engine.images.resolve("whole:1")
    try:
        engine.images.resolve(NAME)
    except NoSuchImage:
        return False
    return True


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_load_that_is_killed_leaves_all_or_nothing(tmp_path: Path, seed: int) -> None:
    engine = new_engine(tmp_path)
    load(engine, image_archive([files({"small": b"1"})], "whole:1"))
    before = inventory(engine)
    data = image_archive(some_layers(seed))
    killed(_load, tmp_path, data, after=random.Random(seed).uniform(0.005, 0.5))
    if not check_whole(tmp_path):
        assert inventory(engine) == before
    load(new_engine(tmp_path), data)
    saved = b"".join(new_engine(tmp_path).images.save([NAME]))
    for layer in some_layers(seed):
        assert layer in saved


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_removal_that_is_killed_leaves_all_or_nothing(tmp_path: Path, seed: int) -> None:
    engine = new_engine(tmp_path)
    load(engine, image_archive([files({"small": b"1"})], "whole:1"))
    before = inventory(engine)
    load(engine, image_archive(some_layers(seed)))
    killed(_remove, tmp_path, after=random.Random(seed).uniform(0.0, 0.08))
    check_whole(tmp_path)
    engine = new_engine(tmp_path)
    for image in engine.store.images():
        if not any(name.endswith("whole:1") for name in image.names):
            with contextlib.suppress(EngineError):
                engine.images.remove(image.id, force=True)
    assert inventory(engine) == before
