"""Logs in several files: bounded on disk, no line lost to whoever follows, whoever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from engine.containers.log_files import rotated
from tests.harness import processes
from tests.harness.docker_cli import Docker
from tests.integration.conftest import Skiff

LINES = 4000
MAX_BYTES, MAX_FILES = 20_000, 3
# A batch of lines is a little more than MAX_BYTES with what stands before them: its end may be in the next file.
BATCH, BATCHES, SPILL = 330, 6, 60
RECORD = 46  # what stands before a line in the log
# A pause after each tenth line, so that it takes as long as the keeper's rotations, and more than one file.
SCRIPT = (
    f"i=1; while test $i -le {LINES}; do echo line $i of many; test $((i % 10)) = 0 && usleep 500; i=$((i+1)); done"
)


def options(**more: object) -> list[str]:
    wanted = {"max-size": MAX_BYTES, "max-file": MAX_FILES, **more}
    return [word for key, value in wanted.items() for word in ("--log-opt", f"{key}={value}")]


def log_folder(skiff: Skiff, name: str) -> Path:
    return skiff.server.root / "containers" / skiff.docker.ok("inspect", "-f", "{{.Id}}", name).strip()


def keepers(skiff: Skiff) -> list[int]:
    found = processes.mentioning(f"{skiff.home}/")
    return [each.pid for each in found if any("log_keeper.py" in word for word in each.arguments)]


def numbers(output: str) -> list[int]:
    return [int(line.split()[1]) for line in output.splitlines()]


def is_the_end_of_it(found: list[int], least: int) -> bool:
    """Whether these are the last lines without a gap, at least so many."""
    return len(found) >= least and found == list(range(found[0], LINES + 1))


def wait_for_keepers(skiff: Skiff) -> None:
    for pid in keepers(skiff):
        assert processes.wait_for_end(pid, 20)


@pytest.mark.parametrize("more", [{}, {"compress": "true"}])
def test_follower_sees_all_and_disk_is_bounded(skiff: Skiff, docker: Docker, more: dict[str, str]) -> None:
    """Each batch fills a file, and the next one comes when the log has been rotated: so the sizes are known."""
    batch = f"seq $i $((i + {BATCH - 1})) | sed 's/.*/line & of many/'"
    script = f"i=1; while read x; do {batch}; i=$((i + {BATCH})); done"
    docker.ok("create", "-i", "--name", "talks", *options(**more), "busybox", "sh", "-c", script)
    docker.ok("start", "talks")
    folder = log_folder(skiff, "talks")
    follower = docker.start("logs", "-f", "talks", stdin=subprocess.DEVNULL)
    writer = docker.start("attach", "talks", stdout=subprocess.DEVNULL)
    assert writer.stdin is not None
    for number in range(1, BATCHES + 1):
        writer.stdin.write("go\n")
        writer.stdin.flush()
        wait_for_rotation(folder, number)
    docker.ok("kill", "talks")
    followed, _ = follower.communicate(timeout=60)
    assert numbers(followed) == list(range(1, BATCH * BATCHES + 1))
    writer.communicate(timeout=20)
    wait_for_keepers(skiff)
    files = list(folder.glob("container.log*"))
    assert len({path.stat().st_ino for path in files}) == MAX_FILES
    assert sum(path.suffix == ".gz" for path in files) == (MAX_FILES - 1 if more else 0)
    kept = numbers(docker.ok("logs", "talks"))
    assert kept == list(range(kept[0], BATCH * BATCHES + 1))
    assert abs(kept[0] - BATCH * (BATCHES - MAX_FILES + 1)) <= SPILL
    assert numbers(docker.ok("logs", "--tail", "500", "talks")) == kept[-500:]


def wait_for_rotation(folder: Path, number: int) -> None:
    """Wait until the log has been rotated so many times, and the new file is there."""
    deadline = time.monotonic() + 60
    while True:
        found = rotated(folder / "container.log")
        if found and max(found) >= number:
            current, newest = (folder / "container.log").stat(), found[max(found)]
            if not newest.exists() or newest.stat().st_ino != current.st_ino:
                return
        assert time.monotonic() < deadline, f"not rotated: {sorted(path.name for path in folder.iterdir())}"
        time.sleep(0.01)


def test_one_file_is_begun_anew(skiff: Skiff, docker: Docker) -> None:
    docker.ok("run", "--name", "talks", "--log-opt", f"max-size={MAX_BYTES}", "busybox", "sh", "-c", SCRIPT)
    assert [path.name for path in log_folder(skiff, "talks").glob("container.log*")] == ["container.log"]
    kept = numbers(docker.ok("logs", "talks"))
    assert is_the_end_of_it(kept, 1)
    assert len(kept) * RECORD <= MAX_BYTES


def test_killed_servers_and_keepers_lose_nothing(skiff: Skiff, docker: Docker) -> None:
    script = f"read x; echo ready; read x; {SCRIPT}"
    docker.ok("create", "-i", "--name", "talks", *options(**{"max-file": 50}), "busybox", "sh", "-c", script)
    docker.ok("start", "talks")
    [first] = keepers(skiff)
    os.kill(first, signal.SIGKILL)
    assert processes.wait_for_end(first, 20)
    skiff.server.kill_servers()
    docker.ok("ps")  # the next server puts a new keeper in its place
    [second] = keepers(skiff)
    assert second != first
    attached = docker.start("attach", "talks")
    assert attached.stdin is not None
    assert attached.stdout is not None
    attached.stdin.write("go\n")
    attached.stdin.flush()
    assert attached.stdout.readline() == "ready\n"
    victims = [*(each.pid for each in skiff.server.servers()), second]  # found now: that may take longer than the lines
    attached.stdin.write("go\n")
    attached.stdin.flush()
    assert attached.stdout.readline() == "line 1 of many\n"
    for victim in victims:  # from here on there is no server until the container has ended
        os.kill(victim, signal.SIGKILL)
    attached.communicate(timeout=20)
    docker.ok("wait", "talks")
    assert numbers(docker.ok("logs", "talks").removeprefix("ready\n")) == list(range(1, LINES + 1))
    docker.ok("start", "talks")
    [third] = keepers(skiff)
    docker.ok("kill", "talks")
    assert processes.wait_for_end(third, 20)


def test_a_burst_with_no_server(skiff: Skiff, docker: Docker) -> None:
    docker.ok(
        "run", "-d", "--name", "bursts", *options(**{"max-file": 500}), "busybox", "sh", "-c", "sleep 1; seq 200000"
    )
    skiff.server.kill_servers()
    docker.ok("wait", "bursts")
    assert [int(line) for line in docker.ok("logs", "bursts").split()] == list(range(1, 200001))


def test_unusable_options_are_told_at_start(docker: Docker) -> None:
    done = docker("run", "--name", "bad", "--log-opt", "max-size=x", "busybox", "true")
    assert done.returncode == 125
    words = "failed to create task for container: failed to initialize logging driver: invalid size: 'x'"
    assert words in done.stderr
    assert docker.ok("inspect", "-f", "{{.State.ExitCode}} {{.State.Error}}", "bad") == f"128 {words}\n"


def test_an_unfinished_line_stays_in_its_run(docker: Docker) -> None:
    docker.ok("run", "--name", "prompts", "busybox", "printf", "prompt> ")
    docker.ok("start", "-a", "prompts")
    assert docker.ok("logs", "--tail", "1", "prompts") == "prompt> "
    assert docker.ok("logs", "prompts") == "prompt> prompt> "
