"""Locks whose takers live, have ended, or have ended while a child of theirs still has the descriptor."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import locks

NAME = "container/one"
# Takes the lock, hands its descriptor on to a child that ends with its input, and says so.
TAKER = """
import fcntl, os, subprocess, sys
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(fd, fcntl.LOCK_EX)
child = subprocess.Popen(["cat"], pass_fds=[fd])
print("taken", flush=True)
if sys.argv[2] == "lives":
    child.wait()
"""


@contextmanager
def taken(folder: Path, taker: str) -> Iterator[subprocess.Popen[str]]:
    """Have the lock taken; closing the process's input lets the child end."""
    with locks.locked(folder, NAME):
        pass  # the file is there
    process = subprocess.Popen(
        [sys.executable, "-c", TAKER, str(folder / NAME), taker],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    with process, process.stdin, process.stdout:
        assert process.stdout.readline() == "taken\n"
        yield process


def test_a_lock_that_nobody_has_is_taken(tmp_path: Path) -> None:
    with locks.free_or_orphaned(tmp_path, NAME) as free:
        assert free
        with locks.try_locked(tmp_path, NAME) as again:
            assert not again
    with locks.try_locked(tmp_path, NAME) as again:
        assert again


def test_a_lock_whose_taker_lives_is_left_to_it(tmp_path: Path) -> None:
    with taken(tmp_path, "lives"), locks.free_or_orphaned(tmp_path, NAME) as free:
        assert not free
        assert not locks.is_orphaned(tmp_path, NAME)


def test_a_lock_that_outlives_its_taker_is_waited_for(tmp_path: Path) -> None:
    got: list[bool] = []

    def wait() -> None:
        with locks.free_or_orphaned(tmp_path, NAME) as free:
            got.append(free)

    with taken(tmp_path, "ends") as process:
        assert process.stdin is not None
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
            while stat.read().rpartition(") ")[2][0] != "Z":  # ended, but nobody has asked for its end yet
                stat.seek(0)
        assert locks.is_orphaned(tmp_path, NAME)
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert got == []
        process.stdin.close()
        waiting.join()
    assert got == [True]


def test_a_lock_without_a_file_is_no_orphan(tmp_path: Path) -> None:
    assert not locks.is_orphaned(tmp_path, NAME)
