"""The state database: what a transaction promises."""

import errno
import os
import threading
from pathlib import Path

import pytest

from engine.state.database import KEPT_EVENTS, Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "root" / "state.db", tmp_path / "run" / "changed")


def test_a_failed_transaction_leaves_neither_change_nor_event(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as tx:
        tx.execute("INSERT INTO engine VALUES ('id', 'x')")
        tx.event("container", "create", "abc", {})
        raise ZeroDivisionError
    assert database.rows("SELECT * FROM engine") == []
    assert database.rows("SELECT * FROM events") == []
    with database.transaction() as tx:  # the lock is free again
        tx.event("container", "create", "abc", {"name": "x"})
    assert [row["action"] for row in database.rows("SELECT * FROM events")] == ["create"]


def test_a_commit_wakes(database: Database) -> None:
    with database.transaction() as tx:
        tx.event("container", "create", "abc", {})
    assert database.wake_file.read_bytes() == b"."


def test_two_processes_see_one_state(database: Database, tmp_path: Path) -> None:
    other = Database(database.path, database.wake_file)
    with database.transaction() as tx:
        tx.execute("INSERT INTO engine VALUES ('id', 'x')")
    row = other.row("SELECT value FROM engine WHERE key = 'id'")
    assert row is not None and row["value"] == "x"


def test_event_ids_grow_even_when_old_ones_are_deleted(database: Database) -> None:
    with database.transaction() as tx:
        tx.event("a", "b", "c", {})
        tx.execute("DELETE FROM events")
        tx.event("a", "b", "c", {})
    assert [row["id"] for row in database.rows("SELECT id FROM events")] == [2]


def test_the_journal_is_bounded(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db", tmp_path / "changed")
    with database.transaction() as tx:
        for number in range(KEPT_EVENTS + 1000):
            tx.event("container", "create", str(number), {})
    row = database.row("SELECT count(*) AS kept, min(id) AS first, max(id) AS last FROM events")
    assert row is not None
    assert row["last"] == KEPT_EVENTS + 1000
    assert KEPT_EVENTS <= row["kept"] < KEPT_EVENTS + 256
    assert row["last"] - row["first"] + 1 == row["kept"], "the newest ones are kept"


def test_events_that_are_only_told_are_there_for_others_at_once(database: Database) -> None:
    other = Database(database.path, database.wake_file)
    with pytest.raises(ZeroDivisionError), database.telling() as tx:
        tx.event("container", "top", "abc", {})
        raise ZeroDivisionError
    with database.telling() as tx:
        tx.event("container", "attach", "abc", {})
    assert [row["action"] for row in other.rows("SELECT * FROM events")] == ["attach"]
    assert database.wake_file.read_bytes() == b"."


def test_only_what_is_told_does_not_wait_for_the_disk(database: Database) -> None:
    def waits() -> int:
        row = database.row("PRAGMA synchronous")
        assert row is not None
        return int(row[0])

    with database.telling() as tx:
        tx.event("container", "top", "abc", {})
        assert waits() == 1
    with database.transaction() as tx:
        tx.event("container", "start", "abc", {})
        assert waits() == 2


def test_what_is_no_character_is_kept_as_one(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute("INSERT INTO engine VALUES (?, ?)", ("a\udcff", "\ud800b"))
        tx.event("container", "exec_create: \udcff", "abc", {"name": "\udcff"})
    row = database.row("SELECT value FROM engine WHERE key = :key", {"key": "a\udcfe"})
    assert row is not None and row["value"] == "\ufffdb"
    assert [each["action"] for each in database.rows("SELECT action FROM events")] == ["exec_create: \ufffd"]


def test_a_block_goes_on_while_the_disk_is_at_work_and_ends_when_it_is_done(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Database(database.path, database.wake_file)
    synced, may_sync = [], threading.Event()

    def sync(fd: int) -> None:
        assert may_sync.wait(10)
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))

    database.rows("SELECT * FROM events")
    monkeypatch.setattr(os, "fdatasync", sync)
    with database.on_disk_at_end():
        with database.transaction() as tx:
            tx.event("container", "rename", "abc", {})
        assert [row["action"] for row in other.rows("SELECT * FROM events")] == ["rename"]
        assert not synced
        may_sync.set()
    assert synced == [f"{database.path}-wal"]
    with database.transaction() as tx:  # the next one waits by itself
        tx.event("container", "rename", "abc", {})
    assert len(synced) == 1


def test_a_disk_that_fails_is_told_of_at_the_end_of_the_block(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    database.rows("SELECT * FROM events")
    monkeypatch.setattr(os, "fdatasync", fail)
    failing = pytest.raises(OSError, match="Input/output error")
    with failing, database.on_disk_at_end(), database.transaction() as tx:
        tx.event("container", "rename", "abc", {})
    assert len(database.rows("SELECT * FROM events")) == 1
