"""CRC-64 by folding against the plain definition, bit by bit."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.storage.crc64 import Crc64, Update, by_folding, quickest

POLYNOMIAL = 0xD800000000000000  # ISO 3309, reflected


def by_definition(data: bytes) -> int:
    crc = (1 << 64) - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
    return crc ^ ((1 << 64) - 1)


def of(*pieces: bytes, take: Update = by_folding) -> int:
    crc = Crc64(take)
    for piece in pieces:
        crc.update(piece)
    return int.from_bytes(crc.digest(), "big")


def test_the_check_value_of_the_catalogue() -> None:
    assert of(b"123456789") == 0xB90956C775A41001


def test_it_does_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastcrc", None)
    quickest.cache_clear()
    assert quickest() is by_folding
    quickest.cache_clear()


@given(st.binary(max_size=700))
def test_folding_gives_what_the_definition_gives(data: bytes) -> None:
    assert of(data) == by_definition(data)


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300))
def test_pieces_are_as_good_as_the_whole(first: bytes, second: bytes, third: bytes) -> None:
    assert of(first, second, third) == of(first + second + third)


def test_pieces_longer_than_one_fold() -> None:
    data = bytes(range(256)) * 300
    assert of(data) == by_definition(data)
