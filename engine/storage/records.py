"""The JSON lists in which containers/storage keeps its records, read again only when somebody changed them.

Format: a file holds a JSON array of objects with an "id" each. Layers and containers have two: one that is put on
disk before a change counts, and a volatile one for --rm containers that is not. One lock file guards both. Records
are plain dicts so that fields which a newer podman writes survive our changes; they are never altered in place.
Only engine.storage uses this.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.storage.lockfile import Held, LockFile

Record = dict[str, Any]
_Stamp = tuple[int, int, int] | None


class Snapshot:
    """All records of one kind at one moment, by id: the stable ones and the volatile ones."""

    __slots__ = ("stable", "volatile")

    def __init__(self, stable: dict[str, Record], volatile: dict[str, Record]) -> None:
        self.stable = stable
        self.volatile = volatile

    def get(self, record_id: str) -> Record | None:
        """Return the record with this id."""
        return self.stable.get(record_id) or self.volatile.get(record_id)

    def __contains__(self, record_id: str) -> bool:
        return record_id in self.stable or record_id in self.volatile

    def __iter__(self) -> Iterator[Record]:
        yield from self.stable.values()
        for record_id, record in self.volatile.items():
            if record_id not in self.stable:
                yield record


class Draft(Snapshot):
    """A snapshot under the write lock: change it, then save."""

    __slots__ = ("_files", "_held")

    def __init__(self, files: RecordFiles, held: Held, now: Snapshot) -> None:
        super().__init__(dict(now.stable), dict(now.volatile))
        self._files = files
        self._held = held

    def put(self, record: Record, *, volatile: bool = False) -> None:
        """Add a record, or replace the one with its id where it is."""
        record_id = record["id"]
        if record_id in self.volatile or (volatile and record_id not in self.stable):
            self.volatile[record_id] = record
        else:
            self.stable[record_id] = record

    def remove(self, record_id: str) -> None:
        """Take a record out; nothing happens when it is not there."""
        self.stable.pop(record_id, None)
        self.volatile.pop(record_id, None)

    def save(self) -> None:
        """Write the lists that changed; the stable one is on disk when this returns."""
        self._files.write(self, self._held)


class RecordFiles:
    """One kind of record: its lock, its stable list and, where there is one, its volatile list."""

    def __init__(
        self, lock: Path, stable: Path, volatile: Path | None = None, *, sync: bool = True, read_only: bool = False
    ) -> None:
        self._lock = LockFile(lock, read_only=read_only)
        self._stable = os.fspath(stable)
        self._volatile = None if volatile is None else os.fspath(volatile)
        self._sync = sync
        self._mutex = threading.Lock()
        self._token: bytes | None = None
        self._stamps: tuple[_Stamp, _Stamp] = (None, None)
        self._now = Snapshot({}, {})
        self.reads = 0  # how often others' changes were read in

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """Give the records as they are; no writer changes them while the block runs."""
        with self._lock.held(shared=True) as held:
            yield self._fresh(held)

    def snapshot(self) -> Snapshot:
        """Return the records as they are now; a writer may change them right after."""
        with self._lock.held(shared=True) as held:
            return self._fresh(held)

    @contextmanager
    def writing(self) -> Iterator[Draft]:
        """Give the records to change; other readers and writers wait while the block runs."""
        with self._lock.held() as held:
            yield Draft(self, held, self._fresh(held))

    def write(self, draft: Draft, held: Held) -> None:
        """Replace the lists that differ from what is on disk; only Draft.save calls this."""
        with self._mutex:
            before, stamps = self._now, list(self._stamps)
            if draft.stable == before.stable and draft.volatile == before.volatile:
                return
            # The token first: a crash between the two must not leave a change that nobody notices.
            self._token = held.record_write()
            if draft.stable != before.stable:
                stamps[0] = _write(self._stable, list(draft.stable.values()), sync=self._sync)
            if self._volatile is not None and draft.volatile != before.volatile:
                stamps[1] = _write(self._volatile, list(draft.volatile.values()), sync=False)
            self._now = Snapshot(dict(draft.stable), dict(draft.volatile))
            self._stamps = (stamps[0], stamps[1])

    def _fresh(self, held: Held) -> Snapshot:
        token = held.last_write()
        stamps = (_stamp(self._stable), None if self._volatile is None else _stamp(self._volatile))
        with self._mutex:
            if self._token != token or self._stamps != stamps:
                volatile = {} if self._volatile is None else _read(self._volatile)
                self._now = Snapshot(_read(self._stable), volatile)
                self._token, self._stamps = token, stamps
                self.reads += 1
            return self._now


def _stamp(path: str) -> _Stamp:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: str) -> dict[str, Record]:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return {}
    return {record["id"]: record for record in json.loads(data)} if data else {}


def _write(path: str, records: list[Record], *, sync: bool) -> _Stamp:
    """Replace a list in one step; with sync its content is on disk before the old one goes.

    As containers/storage does it: the data is synced, the folder is not, so a power cut may bring the old list
    back. engine.durable would cost twice the time for what the peers do not promise either.
    """
    temporary = f"{path}.tmp"  # under the write lock there is one writer; what a killed one left is overwritten
    data = json.dumps(records, separators=(",", ":")).encode()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(temporary, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        fd = os.open(temporary, flags, 0o600)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            if sync:
                os.fdatasync(fd)
            found = os.fstat(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return found.st_mtime_ns, found.st_size, found.st_ino
