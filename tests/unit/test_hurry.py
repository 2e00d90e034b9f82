"""Verbs in a hurry: what would wait is given up, and run again where waiting is allowed."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from engine import Engine
from engine.containers.log_files import LogFiles
from engine.events import BATCH, Events
from engine.hurry import A_FEW, WouldWait, about_to_do, hurried, is_hurried
from engine.locks import locked
from engine.off_loop import in_a_hurry
from engine.state.database import CHECKPOINT_PAGES, Database
from engine.storage.folders import content_size
from engine.storage.lockfile import LockFile

RECORD = b"2026-01-02T03:04:05.000000000+00:00 stdout F %0100d\n"


async def test_a_verb_that_need_not_wait_runs_at_once() -> None:
    assert await in_a_hurry(threading.get_ident) == threading.get_ident()


async def test_a_verb_that_would_wait_runs_in_a_thread() -> None:
    ran: list[bool] = []

    def verb() -> int:
        ran.append(is_hurried())
        about_to_do(A_FEW + 1)
        return threading.get_ident()

    assert await in_a_hurry(verb) != threading.get_ident()
    assert ran == [True, False]


async def test_what_a_verb_raises_is_raised_and_ends_the_hurry() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_a_hurry(lambda: 1 // 0)
    assert not is_hurried()


def test_a_lock_that_is_free_is_taken(tmp_path: Path) -> None:
    with hurried(), locked(tmp_path, "a"), LockFile(tmp_path / "b").held():
        pass


@pytest.mark.parametrize("shared", [True, False])
def test_a_lock_that_another_has_is_not_waited_for(shared: bool, tmp_path: Path) -> None:
    with locked(tmp_path, "a"), hurried(), pytest.raises(WouldWait), locked(tmp_path, "a", shared=shared):
        raise AssertionError
    with LockFile(tmp_path / "b").held(), hurried(), pytest.raises(WouldWait):  # noqa: SIM117
        with LockFile(tmp_path / "b").held(shared=shared):
            raise AssertionError


def test_a_writer_of_the_database_is_not_waited_for(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db", tmp_path / "changed")
    other = Database(tmp_path / "state.db", tmp_path / "changed")
    with other.transaction() as tx:
        tx.execute("INSERT INTO engine VALUES ('a', 'b')")
        with hurried(), pytest.raises(WouldWait), database.telling():
            raise AssertionError
    with hurried(), database.telling() as tx:
        tx.execute("INSERT INTO engine VALUES ('c', 'd')")
    assert len(other.rows("SELECT * FROM engine")) == 2
    assert database.row("PRAGMA busy_timeout")[0] > 0  # type: ignore[index]
    assert database.row("PRAGMA wal_autocheckpoint")[0] == CHECKPOINT_PAGES  # type: ignore[index]
    database.close()
    other.close()


def test_a_place_far_back_in_the_journal_is_not_looked_for(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db", tmp_path / "changed")
    journal = Events(cast(Engine, SimpleNamespace(database=database)))
    statement = "INSERT INTO events (time, type, action, actor, attributes) VALUES (?, 'a', 'b', 'c', '{}')"
    with database.telling() as tx:
        for number in range(1, 11):
            tx.execute(statement, (number * 10,))
    times = (5, 10, 11, 55, 100, 101)
    found = [journal.before_time(time) for time in times]
    assert found == [0, 0, 1, 5, 9, 10]
    with hurried():
        assert [journal.before_time(time) for time in times] == found
    with database.telling() as tx:
        for _ in range(BATCH - 5):
            tx.execute(statement, (1000,))
    with hurried():
        assert journal.before_time(61) == 6
        with pytest.raises(WouldWait):
            journal.before_time(60)
    database.close()


def test_the_disk_is_not_waited_for(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db", tmp_path / "changed")
    with hurried(), pytest.raises(WouldWait), database.transaction():
        raise AssertionError
    database.close()


@pytest.mark.parametrize("below", [".", "folder"])
def test_a_tree_of_many_files_is_not_walked(below: str, tmp_path: Path) -> None:
    (tmp_path / below).mkdir(exist_ok=True)
    for number in range(A_FEW - 1):
        (tmp_path / below / str(number)).write_bytes(b"12")
    with hurried():
        assert content_size(tmp_path) == 2 * (A_FEW - 1)
    for number in range(A_FEW - 1, 2 * A_FEW):
        (tmp_path / below / str(number)).write_bytes(b"12")
    with hurried(), pytest.raises(WouldWait):
        content_size(tmp_path)
    assert content_size(tmp_path) == 4 * A_FEW


def test_no_long_log_is_counted_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "container.log"
    path.write_bytes(b"".join(RECORD % number for number in range(2000)))
    with hurried():
        near = LogFiles(path, tail=10)
        assert [int(text) for _, _, _, text in near.read() or ()] == list(range(1990, 2000))
        near.close()
        with pytest.raises(WouldWait):
            LogFiles(path, tail=1990)
