"""Unpacking what clients and registries send: plain, gzip, bzip2, xz or zstd, told apart by their first bytes.

However well a few bytes were packed, only a piece of what they unpack to is held in memory. For gzip the quickest
library at hand is taken: isal, zlib-ng, else Python's own zlib; for zstd Python's own from 3.14, else zstandard.
"""

from __future__ import annotations

import functools
import importlib
import zlib
from typing import Any, Protocol

from engine.errors import BadArchive, Unavailable
from engine.storage.source import PIECE, Source

GZIP = b"\x1f\x8b\x08"
BZIP2 = b"BZh"
XZ = b"\xfd7zXZ\0"
ZSTD = b"\x28\xb5\x2f\xfd"
MAGIC = 6  # bytes that tell them apart
BOMB_RATIO = 1000  # bytes out for one in: what gzip can do at most, and what no real files come near
BOMB_SIZE = 4 << 30  # below that, any ratio will do
FULL_RATIO = 100  # the same for what has no room on the disk
_INPUT = 64 * 1024
_ZSTD_INPUT = 16 * 1024  # the package zstandard takes no limit of its output


class NoZstd(Unavailable):
    """Nothing on this machine unpacks zstd: neither Python 3.14 or newer nor the package zstandard."""

    def __init__(self) -> None:
        super().__init__("cannot unpack zstd: it needs Python 3.14 or newer, or the Python package zstandard")


class DecompressionBomb(BadArchive):
    """A few bytes unpack to far more than real files do, or than there is room for."""

    def __init__(self, packed: int, unpacked: int) -> None:
        super().__init__(f"refusing a decompression bomb: {packed} bytes unpack to more than {unpacked}")


class Unpacked:
    """A stream that is unpacked as it is read; several members in a row are one.

    room: bytes that there is place for, None where they are not kept.
    """

    def __init__(self, source: Source, magic: bytes, room: int | None = None) -> None:
        self._source = source
        self._magic = magic
        self._room = room
        self._begin = source.position
        self._given = 0
        self._decoder = _decoder(magic)
        self._rest = b""
        self._input = _ZSTD_INPUT if magic == ZSTD else _INPUT
        self._done = False

    def read(self, n: int, /) -> bytes:
        """Return some bytes, b"" at the end. Raises BadArchive."""
        while not self._done:
            data = b""
            if self._decoder.eof or self._decoder.hungry:
                data = self._rest or self._source.read(self._input)
                self._rest = b""
                if not data and not self._decoder.eof:
                    raise BadArchive("unexpected EOF")
            if self._decoder.eof:
                while data and len(data) < len(self._magic) and (more := self._source.read(_INPUT)):
                    data += more
                if not data.startswith(self._magic):
                    self._done = True  # the end, or padding after it
                    break
                self._decoder = _decoder(self._magic)
            try:
                found = self._decoder.decode(data)
            except Exception as error:  # each library has its own
                raise BadArchive(f"cannot unpack: {error}") from None
            if self._decoder.eof:
                self._rest = self._decoder.unused
            if found:
                self._count(len(found))
                return found
        return b""

    def _count(self, more: int) -> None:
        """Raise DecompressionBomb when the stream proves to be one."""
        self._given += more
        if self._given < BOMB_SIZE and (self._room is None or self._given <= self._room):
            return
        taken = self._source.position - self._begin
        if self._given > taken * (BOMB_RATIO if self._given >= BOMB_SIZE else FULL_RATIO):
            raise DecompressionBomb(taken, self._given)


def unpacked(source: Source, room: int | None = None) -> Source | Unpacked:
    """Return a stream of what a source holds, unpacked where it is packed; see Unpacked. Raises NoZstd."""
    magic = magic_of(source.peek(MAGIC))
    return Unpacked(source, magic, room) if magic else source


def magic_of(start: bytes) -> bytes:
    """Return the sign of the packing that a stream begins with, b"" for none."""
    for magic in (GZIP, BZIP2, XZ, ZSTD):
        if start.startswith(magic):
            return magic
    return b""


class _Decoder(Protocol):
    """Unpacks one member, a piece at a time."""

    @property
    def eof(self) -> bool:
        """Whether the member is over."""

    @property
    def hungry(self) -> bool:
        """Whether it needs more input before it can give more out."""

    @property
    def unused(self) -> bytes:
        """Input that came after the member's end."""

    def decode(self, data: bytes) -> bytes:
        """Take input and return a piece of output."""


class _Zlib:
    def __init__(self) -> None:
        self._decoder = gzip_library().decompressobj(31)

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def hungry(self) -> bool:
        return not self._decoder.unconsumed_tail

    @property
    def unused(self) -> bytes:
        return bytes(self._decoder.unused_data)

    def decode(self, data: bytes) -> bytes:
        return bytes(self._decoder.decompress(self._decoder.unconsumed_tail or data, PIECE))


class _Standard:
    """bz2, lzma and Python 3.14's zstd, which are alike."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def hungry(self) -> bool:
        return bool(self._decoder.needs_input)

    @property
    def unused(self) -> bytes:
        return bytes(self._decoder.unused_data)

    def decode(self, data: bytes) -> bytes:
        return bytes(self._decoder.decompress(data, PIECE))


class _Zstandard(_Standard):
    """The package zstandard, which knows no limit: little input at a time has to do."""

    @property
    def hungry(self) -> bool:
        return True

    def decode(self, data: bytes) -> bytes:
        return bytes(self._decoder.decompress(data))


@functools.cache
def gzip_library() -> Any:
    """Return the quickest of the modules that speak gzip as zlib does."""
    for name in ("isal.isal_zlib", "zlib_ng.zlib_ng"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return zlib


def _decoder(magic: bytes) -> _Decoder:
    if magic == GZIP:
        return _Zlib()
    if magic == BZIP2:
        import bz2

        return _Standard(bz2.BZ2Decompressor())
    if magic == XZ:
        import lzma

        return _Standard(lzma.LZMADecompressor())
    return _zstd()


def _zstd() -> _Decoder:
    try:
        return _Standard(importlib.import_module("compression.zstd").ZstdDecompressor())
    except ImportError:
        pass
    try:
        return _Zstandard(importlib.import_module("zstandard").ZstdDecompressor().decompressobj())
    except ImportError:
        raise NoZstd from None
