"""The log driver journald, with a systemd-journald of the test's own."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import processes
from tests.harness.journald import Journald, ServerWithJournal
from tests.integration.conftest import Skiff, end_skiff

PIECE = 16_384
LONG = 40_000  # more than a piece of conmon's and more than one of dockerd's
WRITES = f"echo one; echo two; echo; echo wrong >&2; head -c {LONG} /dev/zero | tr '\\0' x; echo; printf unfinished"
OUT = "one\ntwo\n\n" + "x" * LONG + "\nunfinished"
BURST = 3000


@pytest.fixture(scope="module")
def journald(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journald]:
    journald = Journald(tmp_path_factory.mktemp("journald"))
    yield journald
    journald.stop()


@pytest.fixture
def logged(busybox_tar: Path, journald: Journald) -> Iterator[Skiff]:
    """An engine whose server finds a journal."""
    home = Path(tempfile.mkdtemp(prefix="skiff-", dir="/tmp"))
    (home / "docker-config").mkdir()
    skiff = Skiff(home)
    skiff.server = ServerWithJournal(home, journald)
    skiff.server.start()
    skiff.docker.ok("load", "-i", str(busybox_tar))
    yield skiff
    end_skiff(skiff)


def lines(skiff: Skiff, *options: str) -> list[str]:
    return skiff.docker.ok("logs", *options, "talks").splitlines()


def wait_for_children(container_id: str, number: int) -> None:
    """Wait until so many followers read the journal."""
    deadline = time.monotonic() + 30
    while True:
        found = processes.mentioning(f"CONTAINER_ID_FULL={container_id}")
        if len([each for each in found if "--follow" in each.arguments]) == number:
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_what_a_container_writes_is_in_the_journal_and_comes_back(logged: Skiff, journald: Journald) -> None:
    docker = logged.docker
    labels = ["--label", "a.b=1", "--log-opt", "labels=a.b", "--log-opt", "tag=of {{.Name}}"]
    docker.ok("run", "--name", "talks", "--log-driver", "journald", *labels, "busybox", "sh", "-c", WRITES)
    answer = docker("logs", "talks")
    assert (answer.stdout, answer.stderr) == (OUT, "wrong\n")

    container_id, path = docker.ok("inspect", "-f", "{{.Id}} {{.LogPath}}", "talks").split(" ")
    assert path.strip() == ""
    assert not (logged.server.root / "containers" / container_id / "container.log").exists()
    assert "journald" in docker.ok("info", "-f", "{{.Plugins.Log}}")
    fields = ("CONTAINER_ID", "CONTAINER_NAME", "CONTAINER_TAG", "SYSLOG_IDENTIFIER")
    selected = ["journalctl", "--quiet", "--output=export", "--no-pager", "MESSAGE=wrong\n"]
    found = dict(line.split("=", 1) for line in journald.run(*selected).splitlines() if "=" in line)
    assert [found[name] for name in fields] == [container_id[:12], "talks", "of talks", "of talks"]
    assert found["CONTAINER_ID_FULL"] == container_id
    assert found["PRIORITY"] == "3"

    stamped = lines(logged, "-t")
    times = [line.split(" ")[0] for line in stamped[:3]]
    assert [line[31:] for line in stamped[:3]] == ["one", "two", ""]
    assert times == sorted(set(times))
    assert lines(logged, "--since", times[1], "--until", times[1]) == ["two"]
    assert lines(logged, "--until", times[2])[:2] == ["one", "two"]
    assert lines(logged, "--tail", "1", "--details") == ["A_B=1 unfinished"]
    assert lines(logged, "--tail", "0") == []

    docker.ok("start", "-a", "talks")
    assert docker("logs", "talks").stdout == OUT + OUT


def test_a_tail_counts_messages_and_not_the_entries_that_they_are_in(logged: Skiff) -> None:
    """A message is at most 16 KiB of a line, as dockerd's journal has it, however conmon divides it."""
    long = f"head -c {LONG} /dev/zero | tr '\\0' x; echo"
    logged.docker.ok(
        "run", "--name", "talks", "--log-driver", "journald", "busybox", "sh", "-c", f"{long}; {long}; printf y"
    )
    last = LONG % PIECE
    sizes = {1: 0, 2: last, 3: last + PIECE, 4: LONG, 5: LONG + last, 6: LONG + last + PIECE, 7: 2 * LONG, 8: 2 * LONG}
    for tail, size in sizes.items():
        output = logged.docker.ok("logs", "--tail", str(tail), "talks")
        assert (output.count("x"), output[-1:]) == (size, "y")


def test_follower_sees_all_until_the_end_and_leaves_no_child(logged: Skiff) -> None:
    docker = logged.docker
    script = f"echo before; read x; seq {BURST}; read x; echo last; printf unfinished"
    docker.ok("create", "-i", "--name", "talks", "--log-driver", "journald", "busybox", "sh", "-c", script)
    docker.ok("start", "talks")
    container_id = docker.ok("inspect", "-f", "{{.Id}}", "talks").strip()
    all_of_it = docker.start("logs", "-f", "talks", stdin=subprocess.DEVNULL)
    gone = docker.start("logs", "-f", "talks", stdin=subprocess.DEVNULL)
    for follower in (all_of_it, gone):
        assert follower.stdout is not None
        assert follower.stdout.readline() == "before\n"
    wait_for_children(container_id, 2)
    gone.kill()
    gone.communicate()
    wait_for_children(container_id, 1)
    rest = docker.start("logs", "-f", "--tail", "0", "talks", stdin=subprocess.DEVNULL)
    wait_for_children(container_id, 2)
    writer = docker.start("attach", "talks", stdout=subprocess.DEVNULL)
    assert writer.stdin is not None
    writer.stdin.write("go\n")
    writer.stdin.flush()
    for number in range(1, BURST + 1):
        assert all_of_it.stdout is not None
        assert all_of_it.stdout.readline() == f"{number}\n"
    writer.communicate("go\n", timeout=30)
    assert all_of_it.communicate(timeout=30)[0] == "last\nunfinished"
    numbers = "".join(f"{number}\n" for number in range(1, BURST + 1))
    assert rest.communicate(timeout=30)[0] == f"{numbers}last\nunfinished"
    assert lines(logged, "--tail", "2") == ["last", "unfinished"]
    wait_for_children(container_id, 0)
