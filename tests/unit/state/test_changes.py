"""Waiting for changes: what wakes, and what is not missed."""

import asyncio
import errno
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine import syscalls
from engine.state.changes import Changes, FolderWatch
from engine.state.database import Database

LIMIT = 10.0  # seconds after which a wake-up counts as lost


async def test_a_commit_of_another_process_wakes(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db", tmp_path / "run" / "changed")
    other = Database(database.path, database.wake_file)
    database.rows("SELECT 1")
    async with Changes(database.wake_file, tmp_path / "state.db-wal") as changes:
        with other.transaction() as tx:
            tx.event("container", "create", "abc", {})
        async with asyncio.timeout(LIMIT):
            await changes.wait()


async def test_a_change_between_entering_and_waiting_is_not_missed(tmp_path: Path) -> None:
    wake = tmp_path / "changed"
    async with Changes(wake) as changes:
        wake.write_bytes(b"x")
        async with asyncio.timeout(LIMIT):
            await changes.wait()


async def test_a_commit_whose_writer_died_before_the_touch_wakes_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "state.db-wal"
    log.touch()
    async with Changes(tmp_path / "changed", log) as changes:
        log.write_bytes(b"x")
        async with asyncio.timeout(LIMIT):
            await changes.wait()


async def test_an_exit_file_that_is_renamed_into_place_wakes(tmp_path: Path) -> None:
    folder = tmp_path / "container"
    folder.mkdir()
    async with Changes(tmp_path / "changed", also=[folder]) as changes:
        (tmp_path / "new").write_bytes(b"0")
        os.rename(tmp_path / "new", folder / "exit")
        async with asyncio.timeout(LIMIT):
            await changes.wait()


async def test_a_folder_watch_sees_entries_come_and_go(tmp_path: Path) -> None:
    async with FolderWatch(syscalls.IN_CREATE | syscalls.IN_DELETE, tmp_path) as watch:
        (tmp_path / "a").touch()
        async with asyncio.timeout(LIMIT):
            await watch.wait()
        (tmp_path / "a").unlink()
        async with asyncio.timeout(LIMIT):
            await watch.wait()


async def test_a_poke_wakes(tmp_path: Path) -> None:
    async with Changes(tmp_path / "changed") as changes:
        changes.poke()
        async with asyncio.timeout(LIMIT):
            await changes.wait()


async def test_any_number_of_watches_share_one_instance(tmp_path: Path) -> None:
    """A user may have 128 of them."""
    before = len(os.listdir("/proc/self/fd"))
    async with AsyncExitStack() as stack:
        watches = [await stack.enter_async_context(Changes(tmp_path / "changed")) for _ in range(300)]
        assert len(os.listdir("/proc/self/fd")) <= before + 1
        (tmp_path / "changed").write_bytes(b"x")
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(*(each.wait() for each in watches))


async def test_who_leaves_takes_nobody_elses_watch_away(tmp_path: Path) -> None:
    async with Changes(tmp_path / "changed") as stays:
        async with Changes(tmp_path / "changed"), FolderWatch(syscalls.IN_CREATE, tmp_path):
            pass
        (tmp_path / "changed").write_bytes(b"x")
        async with asyncio.timeout(LIMIT):
            await stays.wait()


async def test_each_is_woken_by_what_it_asked_for_alone(tmp_path: Path) -> None:
    async with (
        FolderWatch(syscalls.IN_CREATE, tmp_path) as creations,
        FolderWatch(syscalls.IN_DELETE, tmp_path) as ends,
    ):
        (tmp_path / "a").touch()
        async with asyncio.timeout(LIMIT):
            await creations.wait()
        waiting = asyncio.ensure_future(ends.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        (tmp_path / "a").unlink()
        async with asyncio.timeout(LIMIT):
            await waiting


async def test_without_an_instance_everyone_looks_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(syscalls, "inotify_init1", refuse)
    async with Changes(tmp_path / "changed") as changes:
        for _ in range(2):
            async with asyncio.timeout(LIMIT):
                await changes.wait()
    with pytest.raises(FileNotFoundError):
        await FolderWatch(syscalls.IN_CREATE, tmp_path / "nowhere").__aenter__()
