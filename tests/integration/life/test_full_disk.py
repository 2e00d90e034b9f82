"""A disk without any room: what is there can be seen, ended and removed; nothing is lost, and with room all goes on.

The engine's folder lies on a small file system of its own, filled to the last block.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import leftovers
from tests.harness.raw_http import send
from tests.integration.conftest import Skiff

DISK_BYTES = 24 << 20
NO_SPACE = "no space left on device"


@pytest.fixture
def small(busybox_tar: Path) -> Iterator[Skiff]:
    home = Path(tempfile.mkdtemp(prefix="skiff-", dir="/tmp"))
    (home / "docker-config").mkdir()
    with (home / "disk").open("wb") as file:
        file.truncate(DISK_BYTES)
    (home / "root").mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", home / "disk"], check=True)
    subprocess.run(["mount", "-o", "loop", home / "disk", home / "root"], check=True)
    skiff = Skiff(home, idle_timeout=0.3)
    try:
        skiff.server.start()
        skiff.docker.ok("load", "-i", str(busybox_tar))
        yield skiff
        (home / "root" / "filler").unlink(missing_ok=True)
        skiff.remove_containers()
        skiff.stop()
        left = skiff.left()
        assert not any(lines != [str(home / "root")] for lines in left.values()), left
    finally:
        (home / "root" / "filler").unlink(missing_ok=True)
        skiff.stop()
        leftovers.take_away(skiff.server.root, skiff.server.run_root)
        subprocess.run(["umount", home / "root"], check=False, capture_output=True)
        shutil.rmtree(home)


def fill(folder: Path) -> None:
    """Write until not a byte more can be written."""
    with (folder / "filler").open("ab", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2
    assert os.statvfs(folder).f_bavail == 0


def names(skiff: Skiff) -> dict[str, str]:
    lines = skiff.docker.ok("ps", "-a", "--format", "{{.Names}} {{.State}}").splitlines()
    return dict(line.split() for line in lines)


@pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
def test_a_full_disk_is_lived_with(small: Skiff, cold: bool) -> None:
    docker = small.docker
    docker.ok("run", "-d", "--name", "says", "busybox", "sh", "-c", "while :; do echo said; sleep 0.1; done")
    docker.ok("run", "-d", "--name", "sleeps", "busybox", "sleep", "1000")
    docker.ok("run", "-d", "--rm", "--name", "goes", "busybox", "sleep", "1000")
    assert docker("run", "--name", "exited", "busybox", "sh", "-c", "exit 3").returncode == 3
    docker.ok("create", "--name", "made", "busybox", "sh", "-c", "exit 4")
    if cold:
        small.server.wait_until_idle()
    else:
        small.server.stop()
        small.server.options = ("--idle-timeout", "60")
        small.server.start()
        docker.ok("ps")
    fill(small.server.root)

    before = {"says": "running", "sleeps": "running", "goes": "running", "exited": "exited", "made": "created"}
    assert names(small) == before
    assert docker.ok("inspect", "-f", "{{.State.ExitCode}}", "exited").strip() == "3"
    assert "said" in docker.ok("logs", "--tail", "1", "says")
    refused = docker("create", "--name", "more", "busybox", "true")
    assert refused.returncode == 1 and NO_SPACE in refused.stderr
    assert names(small) == before
    assert docker.ok("exec", "says", "echo", "answered").strip() == "answered"
    assert docker("start", "-a", "made").returncode == 4
    docker.ok("stop", "-t", "0", "sleeps")
    docker.ok("kill", "goes")
    docker.ok("wait", "goes") if "goes" in names(small) else None
    docker.ok("rm", "exited")
    told = send(small.server.url, "GET", f"/events?since=0&until={time.time():.9f}").body.splitlines()
    events = [json.loads(line) for line in told]
    said = {f"{each['Action']} {each['Actor']['Attributes'].get('name')}" for each in events}
    assert {"die sleeps", "destroy goes", "destroy exited", "die made"} <= said
    assert names(small) == {"says": "running", "sleeps": "exited", "made": "exited"}
    assert docker.ok("inspect", "-f", "{{.State.ExitCode}}", "sleeps").strip() == "137"
    assert "Traceback" not in small.server.words()

    (small.server.root / "filler").unlink()
    docker.ok("create", "--name", "more", "busybox", "true")
    assert docker.ok("start", "-a", "more") == ""
    assert docker.ok("exec", "says", "echo", "answered").strip() == "answered"
    assert names(small) == {"says": "running", "sleeps": "exited", "made": "exited", "more": "exited"}
    small.server.kill_servers()
    docker.ok("ps")
    assert (small.server.root / "state.reserve").exists(), "it is made again once there is room"


def test_removing_makes_room_again(small: Skiff) -> None:
    """A container itself takes all of the disk, as often as it can: removing it is what a person would do."""
    docker = small.docker
    filling = "while :; do cat /dev/zero >> /file; sleep 0.01; done 2>/dev/null"
    docker.ok("run", "-d", "--name", "fills", "busybox", "sh", "-c", filling)
    while os.statvfs(small.server.root).f_bavail:
        pass
    assert NO_SPACE in docker("run", "busybox", "true").stderr
    docker.ok("rm", "-f", "fills")
    assert docker.ok("run", "--rm", "busybox", "echo", "again").strip() == "again"
