"""Record lists and lock files: what other processes see, and what we see of theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.storage.lockfile import TOKEN_SIZE, LockFile, try_write_lock
from engine.storage.records import RecordFiles


def records(folder: Path) -> RecordFiles:
    return RecordFiles(folder / "x.lock", folder / "x.json", folder / "volatile-x.json")


def test_a_write_is_in_the_files_and_changes_the_token(tmp_path: Path) -> None:
    files = records(tmp_path / "made")
    with files.writing() as draft:
        draft.put({"id": "a", "n": 1})
        draft.put({"id": "b"}, volatile=True)
        draft.save()
    assert json.loads((tmp_path / "made" / "x.json").read_text()) == [{"id": "a", "n": 1}]
    assert json.loads((tmp_path / "made" / "volatile-x.json").read_text()) == [{"id": "b"}]
    first = (tmp_path / "made" / "x.lock").read_bytes()
    assert len(first) == TOKEN_SIZE
    with files.writing() as draft:
        draft.remove("a")
        draft.save()
    assert (tmp_path / "made" / "x.lock").read_bytes() != first


def test_a_draft_that_is_not_saved_changes_nothing(tmp_path: Path) -> None:
    files = records(tmp_path)
    with files.writing() as draft:
        draft.put({"id": "a"})
    assert [*files.snapshot()] == []


def test_another_writers_change_is_seen(tmp_path: Path) -> None:
    ours, theirs = records(tmp_path), records(tmp_path)
    assert "a" not in ours.snapshot()
    with theirs.writing() as draft:
        draft.put({"id": "a"})
        draft.save()
    assert "a" in ours.snapshot()
    with ours.writing() as draft:
        draft.put({"id": "b"})
        draft.save()
    assert [record["id"] for record in theirs.snapshot()] == ["a", "b"]


def test_an_edit_by_hand_is_seen_without_a_token(tmp_path: Path) -> None:
    files = records(tmp_path)
    files.snapshot()
    (tmp_path / "x.json").write_text('[{"id": "hand", "unknown": {"kept": true}}]')
    assert files.snapshot().get("hand") == {"id": "hand", "unknown": {"kept": True}}


def test_unknown_fields_of_other_records_survive_a_write(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"id": "theirs", "from-the-future": [1]}]')
    files = records(tmp_path)
    with files.writing() as draft:
        draft.put({"id": "ours"})
        draft.save()
    assert json.loads((tmp_path / "x.json").read_text())[0] == {"id": "theirs", "from-the-future": [1]}


def test_a_record_stays_in_the_list_it_is_in(tmp_path: Path) -> None:
    files = records(tmp_path)
    with files.writing() as draft:
        draft.put({"id": "v"}, volatile=True)
        draft.put({"id": "v", "n": 2})
        draft.save()
    assert json.loads((tmp_path / "volatile-x.json").read_text()) == [{"id": "v", "n": 2}]


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    files = records(tmp_path)

    def add(name: str) -> None:
        for number in range(20):
            with files.writing() as draft:
                draft.put({"id": f"{name}{number}"})
                draft.save()

    threads = [threading.Thread(target=add, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([*records(tmp_path).snapshot()]) == 80


CLASSIC_LOCK = """
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_SETLK, struct.pack("@hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_classic_record_lock_of_another_process_keeps_us_out(tmp_path: Path) -> None:
    """Podman takes the classic kind; the two kinds must exclude each other."""
    path = tmp_path / "lock"
    path.touch()
    fd = os.open(path, os.O_RDWR)
    try:
        line = [sys.executable, "-c", CLASSIC_LOCK, path]
        with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "locked\n"
            assert not try_write_lock(fd)
        assert other.returncode == 0
        assert try_write_lock(fd)
    finally:
        os.close(fd)


def test_readers_share_and_a_lock_is_let_go_after_an_error(tmp_path: Path) -> None:
    lock = LockFile(tmp_path / "a" / "lock")
    with lock.held(shared=True), lock.held(shared=True):
        pass
    with pytest.raises(ZeroDivisionError), lock.held():
        raise ZeroDivisionError
    fd = os.open(lock.path, os.O_RDWR)
    assert try_write_lock(fd)
    os.close(fd)
