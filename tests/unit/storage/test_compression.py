"""Unpacking streams: every packing, cut streams, and bombs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable

import pytest

from engine.errors import BadArchive
from engine.storage.compression import unpacked
from engine.storage.source import PIECE, Readable, Source

DATA = bytes(range(256)) * 3000
PACKINGS: list[Callable[[bytes], bytes]] = [gzip.compress, bz2.compress, lzma.compress]


class Trickle(io.BytesIO):
    def read(self, n: int | None = -1, /) -> bytes:
        return super().read(7777)


def drain(stream: Readable) -> bytes:
    pieces = []
    while piece := stream.read(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("pack", [*PACKINGS, bytes])
def test_what_was_packed_comes_out(pack: Callable[[bytes], bytes]) -> None:
    assert drain(unpacked(Source(Trickle(pack(DATA))))) == DATA


@pytest.mark.parametrize("pack", PACKINGS)
def test_members_in_a_row_are_one_stream(pack: Callable[[bytes], bytes]) -> None:
    assert drain(unpacked(Source(Trickle(pack(b"one") + pack(b"two"))))) == b"onetwo"


@pytest.mark.parametrize("pack", PACKINGS)
@pytest.mark.parametrize("cut", [1, 10, 100])
def test_a_cut_stream_is_an_error(pack: Callable[[bytes], bytes], cut: int) -> None:
    with pytest.raises(BadArchive):
        drain(unpacked(Source(Trickle(pack(DATA)[:-cut]))))


def test_a_damaged_stream_is_an_error() -> None:
    packed = bytearray(gzip.compress(DATA))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(BadArchive):
        drain(unpacked(Source(Trickle(bytes(packed)))))


def test_padding_after_the_end_is_passed_over() -> None:
    assert drain(unpacked(Source(Trickle(gzip.compress(b"x") + bytes(600))))) == b"x"


@pytest.mark.parametrize("pack", PACKINGS)
def test_a_bomb_comes_out_in_pieces(pack: Callable[[bytes], bytes]) -> None:
    stream = unpacked(Source(io.BytesIO(pack(bytes(64 << 20)))))
    total = 0
    while piece := stream.read(1 << 20):
        assert len(piece) <= PIECE
        total += len(piece)
    assert total == 64 << 20


def test_short_streams_are_plain() -> None:
    for data in (b"", b"x", b"\x1f\x8b"):
        assert drain(unpacked(Source(io.BytesIO(data)))) == data
