"""Unpacking what clients send: plain, gzip, bzip2, xz or zstd, told apart by their first bytes.

However well a few bytes were packed, only a piece of what they unpack to is held in memory.
"""

from __future__ import annotations

import zlib
from typing import Any, Protocol

from engine.errors import BadArchive, Unavailable
from engine.storage.source import PIECE, Source

GZIP = b"\x1f\x8b\x08"
BZIP2 = b"BZh"
XZ = b"\xfd7zXZ\0"
ZSTD = b"\x28\xb5\x2f\xfd"
MAGIC = 6  # bytes that tell them apart
_INPUT = 16 * 1024


class NoZstd(Unavailable):
    """Nothing on this machine unpacks zstd: neither Python 3.14 or newer nor the package zstandard."""

    def __init__(self) -> None:
        super().__init__("cannot unpack zstd: it needs Python 3.14 or newer, or the Python package zstandard")


class Unpacked:
    """A stream that is unpacked as it is read; several members in a row are one."""

    def __init__(self, source: Source, magic: bytes) -> None:
        self._source = source
        self._magic = magic
        self._decoder = _decoder(magic)
        self._rest = b""
        self._done = False

    def read(self, n: int, /) -> bytes:
        """Return some bytes, b"" at the end. Raises BadArchive."""
        while not self._done:
            data = b""
            if self._decoder.eof or self._decoder.hungry:
                data = self._rest or self._source.read(_INPUT)
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
                return found
        return b""


def unpacked(source: Source) -> Source | Unpacked:
    """Return a stream of what a source holds, unpacked where it is packed. Raises NoZstd."""
    magic = magic_of(source.peek(MAGIC))
    return Unpacked(source, magic) if magic else source


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
        self._decoder = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def hungry(self) -> bool:
        return not self._decoder.unconsumed_tail

    @property
    def unused(self) -> bytes:
        return self._decoder.unused_data

    def decode(self, data: bytes) -> bytes:
        return self._decoder.decompress(self._decoder.unconsumed_tail or data, PIECE)


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
    import importlib

    try:
        return _Standard(importlib.import_module("compression.zstd").ZstdDecompressor())
    except ImportError:
        pass
    try:
        return _Zstandard(importlib.import_module("zstandard").ZstdDecompressor().decompressobj())
    except ImportError:
        raise NoZstd from None
