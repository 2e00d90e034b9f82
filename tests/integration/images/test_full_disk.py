"""A disk with no room for what a client sends or makes: a clear error, in the stream where there is one, nothing left.

Everything of the engine lies on a file system of its own, its database, too.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import Engine, Settings
from engine.storage import examine
from tests.harness import leftovers
from tests.harness.docker_cli import Docker, Done
from tests.harness.registry import Registry
from tests.harness.registry_images import LAYER, add_image, packed
from tests.harness.server import Server
from tests.harness.tars import files
from tests.integration.images.test_faults import image_archive, inventory

DISK_BYTES = 40 << 20
SLACK_BYTES = 3 << 20  # what the engine may keep for its own state
ROOM_SECONDS = 30.0
NO_SPACE = "no space left on device"
BIG = random.Random(4).randbytes(50 << 20)


@pytest.fixture
def server(busybox_tar: Path) -> Iterator[Server]:
    """A server on a small disk of its own, with busybox."""
    with tempfile.TemporaryDirectory(prefix="skiff-", dir="/tmp") as folder:
        image, home = Path(folder, "image"), Path(folder, "h")
        home.mkdir()
        with image.open("wb") as file:
            file.truncate(DISK_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, home], check=True)
        try:
            server = Server(home)
            server.start()
            try:
                Docker(server.url, home / "config").ok("load", "-i", str(busybox_tar))
                yield server
            finally:
                server.stop()
            left = leftovers.at_rest(server.root, server.run_root)
            leftovers.take_away(server.root, server.run_root)
            assert not left, f"left behind: {left}\n{server.words()}"
        finally:
            subprocess.run(["umount", "--lazy", home], check=True)  # this process may still have the database open


@pytest.fixture
def docker(server: Server, tmp_path: Path) -> Docker:
    return Docker(server.url, tmp_path)


def free(folder: Path) -> int:
    """Return how many bytes are free on a folder's file system."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def settled_inventory(engine: Engine, expected: list[str]) -> list[str]:
    """Return what lies in the store once it is as expected or has had its time: a removal's last files go after it."""
    deadline = time.monotonic() + ROOM_SECONDS
    while (found := inventory(engine)) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def load(docker: Docker, tmp_path: Path, content: bytes) -> Done:
    """Load an image with a file of this content."""
    path = tmp_path / "in.tar"
    path.write_bytes(image_archive([files({"small": b"1"}), files({"content": content})], "made:1"))
    return docker("load", "-q", "-i", str(path))


def import_(docker: Docker, tmp_path: Path, content: bytes) -> Done:
    path = tmp_path / "in.tar"
    path.write_bytes(files({"content": content}))
    return docker("import", str(path), "made:1")


def pull(docker: Docker, tmp_path: Path, content: bytes) -> Done:
    with Registry() as registry:
        plain = files({"content": content})
        add_image(registry, "made", "1", [(plain, packed(plain), LAYER)])
        done = docker("pull", f"{registry.host}/made:1")
        if not done.returncode:
            docker.ok("tag", f"{registry.host}/made:1", "made:1")
            docker.ok("rmi", f"{registry.host}/made:1")
        return done


def build_with_copy(docker: Docker, tmp_path: Path, content: bytes) -> Done:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY content /content\n")
    (tmp_path / "content").write_bytes(content)
    return docker("build", "-q", "-t", "made:1", str(tmp_path))


def build_with_run(docker: Docker, tmp_path: Path, content: bytes) -> Done:
    (tmp_path / "Dockerfile").write_text(f"FROM busybox\nRUN head -c {len(content)} /dev/zero >/content\n")
    return docker("build", "--force-rm", "-t", "made:1", "--network", "none", str(tmp_path))


def commit(docker: Docker, tmp_path: Path, content: bytes) -> Done:
    """Commit a container that has more than half of what is free."""
    docker.ok("create", "--name", "source", "--network", "none", "busybox", "true")
    (tmp_path / "content").write_bytes(content[: 18 << 20])
    docker.ok("cp", str(tmp_path / "content"), "source:/content")
    done = docker("commit", "source", "made:1")
    docker.ok("rm", "source")
    return done


VERBS = [load, import_, pull, build_with_copy, build_with_run, commit]


@pytest.mark.parametrize("verb", VERBS)
def test_no_room(server: Server, docker: Docker, tmp_path: Path, verb: Callable[[Docker, Path, bytes], Done]) -> None:
    engine = Engine(Settings(root=server.root, run_root=server.run_root))
    before, room = inventory(engine), free(server.home)
    for _ in range(2):
        done = verb(docker, tmp_path, BIG)
        assert done.returncode != 0, done.stdout
        said = (done.stdout + done.stderr).lower()
        assert ("returned a non-zero code: 1" if verb is build_with_run else NO_SPACE) in said, said
        assert docker.ok("images", "-q", "made").split() == []
        assert settled_inventory(engine, before) == before
        deadline = time.monotonic() + ROOM_SECONDS  # the kernel frees what was unlinked when it likes
        while free(server.home) < room - SLACK_BYTES:
            assert time.monotonic() < deadline, "the room has not come back"
            time.sleep(0.05)
    assert examine.examine(engine.store, contents=True) == []
    # What fits still works, when all that was refused has gone.
    done = verb(docker, tmp_path, BIG[:1_000_000])
    assert done.returncode == 0, done.stderr
    docker.ok("rmi", "made:1")
    assert settled_inventory(engine, before) == before


def test_the_stream_tells(server: Server, docker: Docker, tmp_path: Path) -> None:
    """As dockerd does it: the status is 200 by then, so the last line is the error."""
    path = tmp_path / "in.tar"
    path.write_bytes(image_archive([files({"content": BIG})], "made:1"))
    asked = [
        "curl",
        "-sS",
        "--unix-socket",
        server.socket,
        "-w",
        "%{http_code}",
        "-H",
        "Content-Type: application/x-tar",
    ]
    done = subprocess.run(
        [*asked, "--data-binary", f"@{path}", "http://d/images/load"], check=True, stdout=subprocess.PIPE, text=True
    )
    body, status = done.stdout[:-3], done.stdout[-3:]
    assert status == "200", done.stdout
    last = json.loads(body.splitlines()[-1])
    assert NO_SPACE in last["error"].lower()
    assert last["errorDetail"]["message"] == last["error"]
