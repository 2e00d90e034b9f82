"""A layer as it comes in: unpacked, hashed and verified while it streams.

A thread of its own reads the stream, hashes it, unpacks it and hashes what comes out, a bounded number of pieces
ahead of whoever reads the archive: hashing and unpacking let other threads run, so that both processors work. Only
engine.storage uses this; callers give Store.extract_layer an Expected.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from typing import Any

from engine.errors import BadArchive
from engine.lean_dataclasses import dataclass
from engine.storage.compression import BZIP2, GZIP, MAGIC, XZ, ZSTD, Unpacked, magic_of
from engine.storage.source import PIECE, Readable, Source

AHEAD = 8 << 20  # bytes that wait for a slow reader

# What containers/storage calls the packings in its records (pkg/archive, Compression).
PACKINGS = {b"": 0, BZIP2: 1, GZIP: 2, XZ: 3, ZSTD: 4}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a layer's stream must turn out to be; "" and None for what is not known before."""

    digest: str = ""  # sha256:... of the stream as it comes, packed or not
    size: int | None = None  # of the same, in bytes
    diff_id: str = ""  # sha256:... of the archive in it


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a layer's stream turned out to be."""

    digest: str  # of the stream as it came
    size: int
    packing: int  # in containers/storage's numbers, 0 for none
    diff_id: str
    archive_size: int


class WrongDigest(BadArchive):
    """The stream is not the one that it was said to be."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"filesystem layer verification failed for digest {expected}: found {found}")
        self.expected = expected
        self.found = found


class WrongSize(BadArchive):
    """The stream is longer or shorter than it was said to be."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"layer has a wrong size: expected {expected} bytes, got {found}")
        self.expected = expected
        self.found = found


class WrongDiffId(BadArchive):
    """The archive in the stream is not the one that the image's configuration names."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"invalid diffID for layer: expected {expected!r}, got {found!r}")
        self.expected = expected
        self.found = found


class Incoming:
    """The plain archive in a layer's stream; read it to its end, then ask for what it was.

    As a context it gives up the rest of the stream when the block ends early: the thread then ends with the read
    that it is in. Whatever the stream's read raises, this read raises.
    """

    def __init__(self, stream: Readable, expected: Expected | None = None, room: int | None = None) -> None:
        self._expected = expected or Expected()
        self._source = Source(stream, self._watch)
        self._room = room
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._archive_sha256 = self._sha256
        self._archive_size = 0
        self._packing = b""
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._waiting = 0  # bytes in _pieces
        self._ended = False
        self._stopped = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="incoming layer", daemon=True)

    def __enter__(self) -> Incoming:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopped = True
            self._pieces.clear()
            self._changed.notify_all()

    def read(self, n: int, /) -> bytes:
        """Return the next piece of the archive, however long it is, b"" at the end. Raises BadArchive."""
        del n
        with self._changed:
            while not self._pieces and not self._ended:
                self._changed.wait()
            if not self._pieces:
                if self._failure is not None:
                    raise self._failure
                return b""
            piece = self._pieces.popleft()
            full = self._waiting >= AHEAD
            self._waiting -= len(piece)
            if full and self._waiting < AHEAD:
                self._changed.notify_all()
            return piece

    def arrived(self) -> Arrived:
        """Return what came in, once the archive was read to its end.

        Raises WrongDigest, WrongSize and WrongDiffId when it is not what was expected.
        """
        self._thread.join()
        digest, diff_id = f"sha256:{self._sha256.hexdigest()}", f"sha256:{self._archive_sha256.hexdigest()}"
        wanted = self._expected
        if wanted.digest and wanted.digest != digest:
            raise WrongDigest(wanted.digest, digest)
        if wanted.size is not None and wanted.size != self._size:
            raise WrongSize(wanted.size, self._size)
        if wanted.diff_id and wanted.diff_id != diff_id:
            raise WrongDiffId(wanted.diff_id, diff_id)
        return Arrived(digest, self._size, PACKINGS[self._packing], diff_id, self._archive_size)

    def _watch(self, data: memoryview) -> None:
        self._sha256.update(data)
        self._size += len(data)
        if self._expected.size is not None and self._size > self._expected.size:
            raise WrongSize(self._expected.size, self._size)

    def _work(self) -> None:
        try:
            self._packing = magic_of(self._source.peek(MAGIC))
            stream: Any = self._source
            if self._packing:
                stream = Unpacked(self._source, self._packing, self._room)
                self._archive_sha256 = hashlib.sha256()
            while (piece := stream.read(PIECE)) and not self._stopped:
                if self._packing:
                    self._archive_sha256.update(piece)
                self._archive_size += len(piece)
                self._give(piece)
            while self._source.read(PIECE) and not self._stopped:
                pass  # what follows a packed archive is part of the stream's digest
        except BaseException as error:
            self._failure = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _give(self, piece: bytes) -> None:
        with self._changed:
            while self._waiting >= AHEAD and not self._stopped:
                self._changed.wait()
            if not self._pieces:
                self._changed.notify_all()
            self._pieces.append(piece)
            self._waiting += len(piece)
