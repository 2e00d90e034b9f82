"""A layer's stream, read by a thread: what comes out, what it turns out to be, and what stops it."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import threading
from collections.abc import Callable

import pytest

from engine.errors import BadArchive
from engine.storage import compression, incoming
from engine.storage.compression import DecompressionBomb
from engine.storage.incoming import AHEAD, Arrived, Expected, Incoming, WrongDiffId, WrongDigest, WrongSize
from engine.storage.source import Readable

DATA = bytes(range(256)) * 9000


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def drained(layer: Incoming) -> bytes:
    pieces = []
    while piece := layer.read(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def take(stream: Readable, expected: Expected | None = None, room: int | None = None) -> Arrived:
    with Incoming(stream, expected, room) as layer:
        drained(layer)
        return layer.arrived()


@pytest.mark.parametrize(
    ("pack", "packing"), [(bytes, 0), (bz2.compress, 1), (gzip.compress, 2), (lzma.compress, 3)], ids=str
)
def test_a_layer_is_hashed_packed_and_unpacked(pack: Callable[[bytes], bytes], packing: int) -> None:
    packed = pack(DATA) + (bytes(500) if packing else b"")  # what follows counts for the digest
    with Incoming(io.BytesIO(packed), Expected(digest_of(packed), len(packed), digest_of(DATA))) as layer:
        assert drained(layer) == DATA
        assert layer.arrived() == Arrived(digest_of(packed), len(packed), packing, digest_of(DATA), len(DATA))


@pytest.mark.parametrize(
    ("expected", "error"),
    [
        (Expected(digest=digest_of(b"x")), WrongDigest),
        (Expected(diff_id=digest_of(b"x")), WrongDiffId),
        (Expected(size=5), WrongSize),
        (Expected(size=1 << 30), WrongSize),
    ],
    ids=str,
)
def test_what_is_not_the_expected_is_refused(expected: Expected, error: type[BadArchive]) -> None:
    with pytest.raises(error):
        take(io.BytesIO(gzip.compress(DATA)), expected)


def test_what_the_stream_raises_comes_out() -> None:
    class Broken(io.BytesIO):
        def read(self, n: int | None = -1, /) -> bytes:
            piece = super().read(n)
            if not piece:
                raise ConnectionResetError("gone")
            return piece

    with pytest.raises(ConnectionResetError):
        take(Broken(DATA))


def test_a_cut_stream_is_an_error() -> None:
    with pytest.raises(BadArchive, match="unexpected EOF"):
        take(io.BytesIO(gzip.compress(DATA)[:-20]))


def test_no_more_than_a_bound_is_read_ahead() -> None:
    class Endless:
        given = 0
        called = threading.Semaphore(0)

        def read(self, n: int, /) -> bytes:
            self.given += n
            self.called.release()
            return bytes(n)

    stream = Endless()
    with Incoming(stream) as layer:
        for _ in range(AHEAD // incoming.PIECE):
            assert stream.called.acquire(timeout=30)
        for _ in range(5):
            layer.read(1)
        assert stream.given <= AHEAD + 7 * incoming.PIECE


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "BOMB_SIZE", 1 << 20)
    monkeypatch.setattr(compression, "BOMB_RATIO", 500)
    with pytest.raises(DecompressionBomb):
        take(io.BytesIO(gzip.compress(bytes(8 << 20))))


def test_what_has_no_room_is_refused_before_it_fills_the_disk() -> None:
    packed = gzip.compress(bytes(8 << 20))
    with pytest.raises(DecompressionBomb):
        take(io.BytesIO(packed), room=1 << 20)
    assert take(io.BytesIO(packed), room=16 << 20).archive_size == 8 << 20
