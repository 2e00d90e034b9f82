"""One store with podman, an engine that was written by others: what either makes the other lists, reads and runs."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine, Settings
from engine.storage import examine
from tests.harness.busybox_image import busybox_archive
from tests.harness.tars import files

NAME, FULL = "shared-busybox:latest", "docker.io/library/shared-busybox:latest"
C1 = "1" * 64
# podman asks for more open files than every machine grants.
ALONE = ["--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
SECONDS = 4.0  # of both writing at once


class Podman:
    """podman over a store of ours."""

    def __init__(self, home: Path) -> None:
        self._options = [
            "--root", str(home / "graph"), "--runroot", str(home / "store-run"), "--tmpdir", str(home / "podman"),
            "--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--events-backend", "none",
        ]  # fmt: skip

    def try_to(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """Run a command whatever comes of it."""
        return subprocess.run(["podman", *self._options, *words], capture_output=True, timeout=120)

    def __call__(self, *words: str) -> bytes:
        done = self.try_to(*words)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short name: podman takes no longer one."""
    home = Path(tempfile.mkdtemp(prefix="skiff-", dir="/tmp"))
    yield home
    shutil.rmtree(home)


@pytest.fixture
def engine(home: Path) -> Iterator[Engine]:
    settings = Settings(
        root=home / "root", run_root=home / "run", graph_root=home / "graph", storage_run_root=home / "store-run"
    )
    engine = Engine(settings)
    for _ in engine.images.load(io.BytesIO(busybox_archive([NAME]))):
        pass
    yield engine
    for container in engine.store.containers():
        engine.store.delete_container(container.id)


@pytest.fixture
def podman(home: Path, engine: Engine) -> Iterator[Podman]:
    podman = Podman(home)
    yield podman
    podman("rm", "--all", "--force")


def layers_of(archive: bytes) -> list[str]:
    """Return the digests of the layers in an archive of either engine."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as found:
        listed = found.extractfile("manifest.json")
        assert listed is not None
        paths = json.loads(listed.read())[0]["Layers"]
        members = [found.extractfile(path) for path in paths]
        return [hashlib.sha256(member.read()).hexdigest() for member in members if member is not None]


def test_podman_lists_reads_runs_and_saves_what_was_loaded(engine: Engine, podman: Podman, tmp_path: Path) -> None:
    image = engine.images.resolve(NAME)
    (found,) = json.loads(podman("image", "inspect", FULL))
    assert (found["Id"], found["RepoTags"]) == (image.id, [FULL])
    diff_ids = engine.images.inspect(NAME).diff_ids
    assert found["RootFS"]["Layers"] == diff_ids
    assert podman("run", "--rm", *ALONE, FULL, "echo", "from podman") == b"from podman\n"
    podman("save", "--format", "docker-archive", "-o", str(tmp_path / "saved.tar"), FULL)
    saved = layers_of((tmp_path / "saved.tar").read_bytes())
    assert [f"sha256:{each}" for each in saved] == diff_ids
    assert examine.examine(engine.store, contents=True) == []


def test_what_podman_makes_is_there_at_once(engine: Engine, podman: Podman, tmp_path: Path) -> None:
    podman("create", "--name", "maker", *ALONE, FULL, "sh", "-c", "echo x >/made; rm /var/www/index.html")
    podman("start", "--attach", "maker")
    podman("commit", "--quiet", "--format", "docker", "maker", "made:1")
    podman("tag", FULL, "docker.io/library/other:2")
    assert engine.images.resolve("other:2").id == engine.images.resolve(NAME).id
    made = engine.images.inspect("localhost/made:1")
    assert layers_of(b"".join(engine.images.save(["localhost/made:1"]))) == [each[7:] for each in made.diff_ids]
    engine.store.create_container(C1, made.id.removeprefix("sha256:"), "ours")
    root = engine.store.mount(C1)
    assert (root / "made").read_text() == "x\n"
    assert not (root / "var/www/index.html").exists()
    names = {name for each in engine.store.containers() for name in each.names}
    assert names >= {"maker", "ours"}
    engine.store.delete_container(C1)
    podman("rm", "--force", "maker")
    engine.images.remove("localhost/made:1")
    assert b"made" not in podman("images")
    assert examine.examine(engine.store, contents=True) == []


def test_both_write_at_once(engine: Engine, podman: Podman, tmp_path: Path) -> None:
    (tmp_path / "in.tar").write_bytes(files({"theirs": b"x" * 5000}))
    ended = threading.Event()
    failures: list[str] = []

    def theirs() -> None:
        while not ended.is_set():
            for words in (["import", str(tmp_path / "in.tar"), "theirs"], ["rmi", "theirs"]):
                done = podman.try_to(*words)
                if done.returncode:
                    failures.append(done.stderr.decode())

    writer = threading.Thread(target=theirs)
    writer.start()
    clock = threading.Timer(SECONDS, ended.set)
    clock.start()
    number = 0
    while not ended.is_set():
        number += 1
        engine.images.import_image(io.BytesIO(files({f"ours{number}": b"y" * 5000})), "ours", str(number))
        engine.store.create_container(C1, engine.images.resolve(NAME).id, "ours")
        engine.store.delete_container(C1)
        engine.images.remove(f"ours:{number}")
    writer.join()
    assert failures == []
    assert number > 1
    podman.try_to("rmi", "theirs")
    assert [name for image in engine.store.images() for name in image.names] == [FULL]
    assert examine.examine(engine.store, contents=True) == []
