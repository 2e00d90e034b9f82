"""What dockerd was given as gzip when its answers were recorded, which hold its lengths and digests.

zlib packs otherwise from version to version, and Python writes other headers, so it is kept in recorded_gzip/. What is
missing there, because something to be packed has changed, is packed by whoever records the answers anew:

    >>> kept(data, level).write_bytes(gzip.compress(data, level, mtime=0))
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

FOLDER = Path(__file__).with_name("recorded_gzip")


def kept(data: bytes, level: int) -> Path:
    """Return where it is kept how data was packed at a level."""
    return FOLDER / f"{hashlib.sha256(data).hexdigest()[:16]}-{level}.gz"


def recorded_gzip(data: bytes, level: int = 9) -> bytes:
    """Return data as it was packed for dockerd. Raises FileNotFoundError when it never was."""
    packed = kept(data, level).read_bytes()
    assert gzip.decompress(packed) == data
    return packed
