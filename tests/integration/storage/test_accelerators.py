"""The packages that make layers quick: they are there, used, and do what the slow ways do."""

from __future__ import annotations

import gzip
import io
import zlib

from engine.storage.compression import gzip_library, unpacked
from engine.storage.crc64 import by_folding, quickest
from engine.storage.source import Source

DATA = bytes(range(256)) * 3000


def test_checksums() -> None:
    assert quickest() is not by_folding
    assert quickest()(DATA[7:], quickest()(DATA[:7], 0)) == by_folding(DATA, 0)


def test_gzip() -> None:
    assert gzip_library() is not zlib
    stream = unpacked(Source(io.BytesIO(gzip.compress(DATA))))
    assert b"".join(iter(lambda: stream.read(1 << 16), b"")) == DATA
