"""Layers on their way out, through the process that packs them."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import random
import signal
from pathlib import Path

import pytest

from engine.errors import BadArchive
from engine.registry.outgoing import Outgoing
from engine.storage.crc64 import Crc64
from engine.storage.tarsplit import TarSplitWriter

CONTENT = random.Random(1).randbytes(6_000_000)  # more than is read ahead


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """The tar-split file of an "archive" of a header, a file and an end, beside the folder diff with the file."""
    crc = Crc64()
    crc.update(CONTENT)
    with (tmp_path / "split").open("wb") as file:
        log = TarSplitWriter(file)
        log.raw(b"header")
        log.file("a", len(CONTENT), crc.digest())
        log.raw(b"end")
        log.close()
    (tmp_path / "diff").mkdir()
    (tmp_path / "diff" / "a").write_bytes(CONTENT)
    return tmp_path / "split"


async def _sent(split: Path, told: list[int], *, packed: bool) -> tuple[bytes, Outgoing]:
    async with Outgoing(split, split.parent / "diff", packed=packed, tell=told.append) as outgoing:
        data = b"".join([piece async for piece in outgoing.pieces()])
    return data, outgoing


@pytest.mark.parametrize("packed", [True, False])
def test_the_archive_is_sent_whole(split: Path, packed: bool) -> None:
    told: list[int] = []
    data, outgoing = asyncio.run(_sent(split, told, packed=packed))
    whole = b"header" + CONTENT + b"end"
    assert (gzip.decompress(data) if packed else data) == whole
    assert outgoing.size == len(data)
    assert outgoing.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert told[-1] == len(whole)
    assert told == sorted(told)


def test_the_same_archive_gives_the_same_bytes(split: Path) -> None:
    first, second = (asyncio.run(_sent(split, [], packed=True))[0] for _ in range(2))
    assert first == second


def test_a_changed_file_is_an_error_in_words(split: Path) -> None:
    (split.parent / "diff" / "a").write_bytes(CONTENT[:-1] + b"X")
    with pytest.raises(BadArchive, match=r"^file integrity checksum failed for 'a'$"):
        asyncio.run(_sent(split, [], packed=True))


def test_a_missing_file_is_the_systems_error(split: Path) -> None:
    (split.parent / "diff" / "a").unlink()
    with pytest.raises(FileNotFoundError):
        asyncio.run(_sent(split, [], packed=True))


def _packers(split: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.fsencode(split) in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue  # ended meanwhile
    return found


def test_a_killed_process_is_an_error(split: Path) -> None:
    async def killed() -> None:
        async with Outgoing(split, split.parent / "diff", packed=True, tell=lambda _: None) as outgoing:
            async for _ in outgoing.pieces():
                for pid in _packers(split):
                    os.kill(pid, signal.SIGKILL)

    with pytest.raises(BadArchive, match="ended with -9"):
        asyncio.run(killed())


# In half a second more comes than is read ahead, so that asyncio reads no more.
@pytest.mark.parametrize("waiting", [0, 0.5])
def test_who_wants_no_more_leaves_no_process(split: Path, waiting: float) -> None:
    async def left() -> None:
        async with Outgoing(split, split.parent / "diff", packed=True, tell=lambda _: None) as outgoing:
            async for _ in outgoing.pieces():
                assert _packers(split)
                await asyncio.sleep(waiting)
                return

    asyncio.run(asyncio.wait_for(left(), 30))
    assert not _packers(split)
