"""What is needed to put a layer's tar archive together again from its extracted files, bit for bit.

Format: tar-split's, gzipped, one JSON object a line: {"type":2,"payload":base64,"position":n} for raw bytes
(headers, padding), {"type":1,"name":...,"size":n,"payload":base64 of the CRC-64,"position":n} for a file's
content, which is taken from the extracted file; "name_raw" (base64) stands for a name that is no UTF-8. podman
writes and reads the same as overlay-layers/<layer>.tar-split.gz.
"""

from __future__ import annotations

import binascii
import json
import os
import posixpath
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from engine import syscalls
from engine.errors import BadArchive
from engine.storage.crc64 import Crc64

_FLUSH = 64 * 1024
_quoted = json.encoder.encode_basestring_ascii  # what json.dumps does with a text, without asking what it is
_READ = 1 << 20


class TarSplitWriter:
    """Writes the lines as an archive streams by; close it to have them all."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
        self._lines: list[bytes] = []
        self._size = 0
        self._position = 0
        self._seen: set[str] = set()
        self._raw: list[bytes] = []

    def raw(self, data: bytes) -> None:
        """Take bytes that are not a file's content; neighbours become one line."""
        self._raw.append(data)
        if len(data) >= _FLUSH:
            self._segment()

    def file(self, name: str, size: int, checksum: bytes | None) -> None:
        """Note that a file's content comes here. Raises BadArchive when the archive had this name already."""
        clean = posixpath.normpath(name or ".") if "." in name or "//" in name or not name else name.rstrip("/")
        if clean in self._seen:
            raise BadArchive("duplicates of file paths not supported")
        self._seen.add(clean)
        self._segment()
        try:
            name.encode()
            named = f'"name":{_quoted(name)},' if name else ""
        except UnicodeEncodeError:
            named = f'"name_raw":"{_base64(os.fsencode(name))}",'
        sized = f'"size":{size},' if size else ""
        payload = "null" if checksum is None else f'"{_base64(checksum)}"'
        self._line(f'{{"type":1,{named}{sized}"payload":{payload},"position":{self._position}}}\n')

    def close(self) -> None:
        """Write what is still held back."""
        self._segment()
        self._flush()
        self._file.write(self._gzip.flush())

    def _segment(self) -> None:
        data = b"".join(self._raw)
        self._raw.clear()
        if data:
            self._line(f'{{"type":2,"payload":"{_base64(data)}","position":{self._position}}}\n')

    def _line(self, line: str) -> None:
        self._position += 1
        self._lines.append(line.encode())
        self._size += len(line)
        if self._size >= _FLUSH:
            self._flush()

    def _flush(self) -> None:
        self._file.write(self._gzip.compress(b"".join(self._lines)))
        self._lines.clear()
        self._size = 0


def assemble(split: Path, diff: Path) -> Iterator[bytes]:
    """Give a layer's archive as it once came in, in pieces.

    Files are opened below diff and nowhere else. Raises BadArchive when one changed since.
    """
    root = os.open(diff, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for line in _lines(split):
            payload = binascii.a2b_base64(line.get("payload") or "")
            if line["type"] == 2:
                yield payload
            elif line.get("size"):
                yield from _content(root, _name(line), line["size"], payload)
    finally:
        os.close(root)


def _content(root: int, name: str, size: int, checksum: bytes) -> Iterator[bytes]:
    fd = syscalls.openat2(root, _inside(name), os.O_RDONLY | os.O_NOFOLLOW)
    try:
        crc, left = Crc64(), size
        while left and (piece := os.read(fd, min(_READ, left))):
            crc.update(piece)
            left -= len(piece)
            yield piece
        if left or crc.digest() != checksum:
            raise BadArchive(f"file integrity checksum failed for {name!r}")
    finally:
        os.close(fd)


def _inside(name: str) -> str:
    """Return where the file of a name lies: no folder was made for what ".." takes back, and no file ends with /."""
    return posixpath.normpath("/" + name) if ".." in name or name.endswith("/") else name


def _lines(split: Path) -> Iterator[dict[str, Any]]:
    unzip = zlib.decompressobj(31)
    rest = b""
    with open(split, "rb") as file:
        while data := file.read(_FLUSH):
            text = rest + unzip.decompress(data)
            while unzip.eof and unzip.unused_data:  # pgzip may write several members
                data, unzip = unzip.unused_data, zlib.decompressobj(31)
                text += unzip.decompress(data)
            *lines, rest = text.split(b"\n")
            for line in lines:
                yield json.loads(line)
    if rest.strip():
        yield json.loads(rest)


def _name(line: dict[str, Any]) -> str:
    if line.get("name_raw"):
        return os.fsdecode(binascii.a2b_base64(line["name_raw"]))
    return str(line.get("name", ""))


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
