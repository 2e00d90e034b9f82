"""One store with podman, an engine that was written by others: what either makes the other lists, reads and runs.

SKIFF_TOGETHER says for how many seconds both write at once.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import threading

from engine import Engine
from engine.storage import examine
from tests.harness.siblings import ALONE, Siblings
from tests.harness.tars import files
from tests.integration.storage.conftest import FULL, NAME

C1 = "1" * 64
SECONDS = float(os.environ.get("SKIFF_TOGETHER", "4"))  # of both writing at once


def layers_of(archive: bytes) -> list[str]:
    """Return the digests of the layers in an archive of either engine."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as found:
        listed = found.extractfile("manifest.json")
        assert listed is not None
        paths = json.loads(listed.read())[0]["Layers"]
        members = [found.extractfile(path) for path in paths]
        return [hashlib.sha256(member.read()).hexdigest() for member in members if member is not None]


def test_podman_lists_reads_runs_and_saves_what_was_loaded(engine: Engine, siblings: Siblings) -> None:
    image = engine.images.resolve(NAME)
    (found,) = json.loads(siblings.podman("image", "inspect", FULL))
    assert (found["Id"], found["RepoTags"]) == (image.id, [FULL])
    diff_ids = engine.images.inspect(NAME).diff_ids
    assert found["RootFS"]["Layers"] == diff_ids
    assert siblings.podman("run", "--rm", *ALONE, FULL, "echo", "from podman") == b"from podman\n"
    saved = siblings.home / "saved.tar"
    siblings.podman("save", "--format", "docker-archive", "-o", siblings.path(saved), FULL)
    assert [f"sha256:{each}" for each in layers_of(saved.read_bytes())] == diff_ids
    assert examine.examine(engine.store, contents=True) == []


def test_what_podman_makes_is_there_at_once(engine: Engine, siblings: Siblings) -> None:
    siblings.podman("create", "--name", "maker", *ALONE, FULL, "sh", "-c", "echo x >/made; rm /var/www/index.html")
    siblings.podman("start", "--attach", "maker")
    siblings.podman("commit", "--quiet", "--format", "docker", "maker", "made:1")
    siblings.podman("tag", FULL, "docker.io/library/other:2")
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
    siblings.podman("rm", "--force", "maker")
    engine.images.remove("localhost/made:1")
    assert b"made" not in siblings.podman("images")
    assert examine.examine(engine.store, contents=True) == []


def test_both_write_at_once(engine: Engine, siblings: Siblings) -> None:
    (siblings.home / "in.tar").write_bytes(files({"theirs": b"x" * 5000}))
    ended = threading.Event()
    failures: list[str] = []

    def theirs() -> None:
        while not ended.is_set():
            for words in (["import", siblings.path(siblings.home / "in.tar"), "theirs"], ["rmi", "theirs"]):
                done = siblings.try_podman(*words)
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
    siblings.try_podman("rmi", "theirs")
    assert [name for image in engine.store.images() for name in image.names] == [FULL]
    assert examine.examine(engine.store, contents=True) == []
    if b" check " in siblings.podman("system", "--help"):  # since podman 5.2
        assert siblings.podman("system", "check") == b""
