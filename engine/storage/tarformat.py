"""Tar archives as a stream of entries: ustar, GNU and PAX, with long names, extended attributes and sparse files.

Format: POSIX.1-2017 pax, and GNU tar's manual for the L, K and S entries and base-256 numbers. Reads once, front to
back, in bounded memory, and hands every byte that is not a file's content to a log of raw bytes, from which the
archive can be put together again bit for bit (engine.storage.tarsplit). Names are str with surrogateescape.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from engine.errors import BadArchive
from engine.lean_dataclasses import dataclass, field
from engine.storage.source import Source

BLOCK = 512
_MAX_EXTRA = 1 << 20  # of a PAX header or a long name, as other readers limit it
_ZERO = bytes(BLOCK)
INVALID = "archive/tar: invalid tar header"  # dockerd's words
TRUNCATED = "unexpected EOF"

REGULAR = "0"
HARD_LINK = "1"
SYMBOLIC_LINK = "2"
CHARACTER_DEVICE = "3"
BLOCK_DEVICE = "4"
FOLDER = "5"
FIFO = "6"
_CONTENT = {"0", "\0", "S"}
_HEADER_ONLY = {HARD_LINK, SYMBOLIC_LINK, CHARACTER_DEVICE, BLOCK_DEVICE, FOLDER, FIFO}

RawLog = Callable[[bytes], object]


@dataclass(slots=True)
class Entry:
    """One member of an archive; times are nanoseconds since 1970."""

    name: str
    type: str
    mode: int
    uid: int
    gid: int
    size: int  # of the file's content as it is to be on disk
    mtime: int
    link: str = ""
    device: int = 0
    xattrs: dict[str, bytes] = field(default_factory=dict)
    stored: int = 0  # bytes of content in the archive
    holes: list[tuple[int, int]] | None = None  # sparse: (offset, length) of what is stored
    header_mode: int = 0  # the mode as the header has it, with bits that no file has


class TarReader:
    """Goes through an archive; between two entries the caller may read the first one's content."""

    def __init__(self, source: Source, raw: RawLog) -> None:
        self._source = source
        self._raw = raw
        self._left = 0  # content of the entry that was given out last
        self._padding = 0

    def __iter__(self) -> Iterator[Entry]:
        while (entry := self._next()) is not None:
            yield entry

    def content(self, n: int) -> memoryview:
        """Return between one and n bytes of the current entry's content, none after the last. Raises BadArchive."""
        if not self._left:
            return memoryview(b"")
        piece = self._source.up_to(min(n, self._left))
        if not piece:
            raise BadArchive(TRUNCATED)
        self._left -= len(piece)
        return piece

    def _next(self) -> Entry | None:
        self._finish()
        extra: dict[str, str] = {}
        long_name = long_link = None
        while True:
            block = bytes(self._source.exactly(BLOCK))
            if not block:
                return None
            if len(block) < BLOCK:
                raise BadArchive(TRUNCATED)
            self._raw(block)
            if block == _ZERO:
                self._end()
                return None
            kind = chr(block[156])
            check_sum(block)
            if kind in "xgLK":
                data = self._extra(number(block[124:136]))
                if kind == "x":
                    extra = pax_records(data)
                elif kind == "L":
                    long_name = text(data)
                elif kind == "K":
                    long_link = text(data)
                continue  # what a global header ("g") says is heeded by neither Go's reader nor dockerd
            return self._entry(block, kind, extra, long_name, long_link)

    def _entry(
        self, block: bytes, kind: str, pax: dict[str, str], long_name: str | None, long_link: str | None
    ) -> Entry:
        entry = Entry(
            name=long_name or header_name(block),
            type=kind,
            mode=number(block[100:108]) & 0o7777,
            header_mode=number(block[100:108]),
            uid=number(block[108:116]),
            gid=number(block[116:124]),
            size=0,
            mtime=number(block[136:148]) * 1_000_000_000,
            link=long_link or (text(block[157:257]) if block[157] else ""),
        )
        if pax:
            _apply_pax(entry, pax)
        if kind in (CHARACTER_DEVICE, BLOCK_DEVICE):
            entry.device = os.makedev(number(block[329:337]), number(block[337:345]))
        stored = _integer(pax, "size", number(block[124:136]))
        if stored < 0:
            raise BadArchive(INVALID)
        if kind in _HEADER_ONLY:
            stored = 0
        self._left, self._padding = stored, -stored % BLOCK
        if kind in _CONTENT:
            entry.type = FOLDER if kind == "\0" and entry.name.endswith("/") else REGULAR
            self._sparse(entry, block, kind, pax)
        entry.stored = self._left
        if entry.holes is None:
            entry.size = self._left
        return entry

    def _sparse(self, entry: Entry, block: bytes, kind: str, pax: dict[str, str]) -> None:
        """Find out which parts of a sparse file the archive holds."""
        if kind == "S":
            entry.holes = list(self._gnu_map(block))
            entry.size = number(block[483:495])
        elif pax.get("GNU.sparse.major") == "1":
            entry.name = pax.get("GNU.sparse.name", entry.name)
            entry.size = _integer(pax, "GNU.sparse.realsize", 0)
            entry.holes = self._map_in_content()
        elif "GNU.sparse.map" in pax:
            entry.name = pax.get("GNU.sparse.name", entry.name)
            entry.size = _integer(pax, "GNU.sparse.size", 0)
            entry.holes = _pairs(pax["GNU.sparse.map"].split(","))
        if entry.holes is not None:
            check_sparse(entry.holes, entry.size, self._left)

    def _gnu_map(self, block: bytes) -> Iterator[tuple[int, int]]:
        area, more = block[386:482], block[482]
        while True:
            for at in range(0, len(area) - 23, 24):
                if area[at] == 0:
                    break
                yield number(area[at : at + 12]), number(area[at + 12 : at + 24])
            if not more:
                return
            block = bytes(self._source.exactly(BLOCK))
            if len(block) < BLOCK:
                raise BadArchive(TRUNCATED)
            self._raw(block)
            area, more = block[:504], block[504]

    def _map_in_content(self) -> list[tuple[int, int]]:
        """Read the map that PAX's sparse format 1.0 puts before the content, in whole blocks."""
        numbers: list[str] = []
        rest, wanted = b"", 1
        while len(numbers) < wanted:
            if self._left < BLOCK:
                raise BadArchive(INVALID)
            block = bytes(self._source.exactly(BLOCK))
            if len(block) < BLOCK:
                raise BadArchive(TRUNCATED)
            self._raw(block)
            self._left -= BLOCK
            *lines, rest = (rest + block).split(b"\n")
            numbers += [line.decode("ascii", "replace") for line in lines]
            if numbers:
                wanted = 1 + 2 * _decimal(numbers[0])
                if wanted > _MAX_EXTRA:
                    raise BadArchive(INVALID)
        return _pairs(numbers[1:wanted])

    def _extra(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_EXTRA:
            raise BadArchive(INVALID)
        padded = size + -size % BLOCK
        data = bytes(self._source.exactly(padded))
        if len(data) < size:
            raise BadArchive(TRUNCATED)
        self._raw(data)
        return data[:size]

    def _finish(self) -> None:
        """Go to the end of the current entry: content that nobody read goes to the log, then the padding."""
        while self._left:
            self._raw(bytes(self.content(65536)))
        if self._padding:
            self._raw(bytes(self._source.exactly(self._padding)))
            self._padding = 0

    def _end(self) -> None:
        """Take the second closing block and whatever follows it."""
        block = bytes(self._source.exactly(BLOCK))
        self._raw(block)
        if 0 < len(block) < BLOCK:
            raise BadArchive(TRUNCATED)
        if block and block != _ZERO:
            raise BadArchive(INVALID)
        while piece := self._source.up_to(65536):
            self._raw(bytes(piece))


def _apply_pax(entry: Entry, pax: dict[str, str]) -> None:
    """Let the records of a PAX header replace what the header itself says."""
    entry.name = pax.get("path") or entry.name
    entry.link = pax.get("linkpath") or entry.link
    entry.uid = _integer(pax, "uid", entry.uid)
    entry.gid = _integer(pax, "gid", entry.gid)
    if "mtime" in pax:
        entry.mtime = _time(pax["mtime"])
    for key, value in pax.items():
        if key.startswith("SCHILY.xattr."):
            entry.xattrs[key[13:]] = os.fsencode(value)


def check_sum(block: bytes) -> None:
    """Raise BadArchive unless a header's checksum, of signed or unsigned bytes, is right."""
    try:
        stored = number(block[148:156])
    except BadArchive:
        raise BadArchive(INVALID) from None
    total = sum(block[:148]) + sum(block[156:]) + 8 * 32
    if stored == total:
        return
    signed = total - 256 * sum(1 for at, byte in enumerate(block) if byte > 127 and not 148 <= at < 156)
    if stored != signed:
        raise BadArchive(INVALID)


def number(data: bytes) -> int:
    """Return a header's number: octal digits, or GNU's base 256. Raises BadArchive."""
    if data and data[0] & 0x80:
        value = int.from_bytes(data, "big") & ((1 << (8 * len(data) - 1)) - 1)
        if data[0] & 0x40:
            value -= 1 << (8 * len(data) - 1)
        return value
    digits = data.strip(b" \0")
    if not digits:
        return 0
    if not digits.isdigit():
        digits = digits.split(b"\0")[0]
        if not digits.isdigit():  # int() would take more than digits
            raise BadArchive(INVALID)
    try:
        return int(digits, 8)
    except ValueError:
        raise BadArchive(INVALID) from None


def text(data: bytes) -> str:
    """Return the text up to the first NUL."""
    return data.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def header_name(block: bytes) -> str:
    """Return a header's own name: with the prefix where the format has one."""
    name = text(block[:100])
    if block[257:263] == b"ustar\0" and block[345]:
        prefix = text(block[345:476] if block[508:512] == b"tar\0" else block[345:500])
        return f"{prefix}/{name}"
    return name


def pax_records(data: bytes) -> dict[str, str]:
    """Return the "length key=value" records of a PAX header; sparse 0.0 pairs come as one map. Raises BadArchive."""
    records: dict[str, str] = {}
    sparse: list[str] = []
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 20)
        if space < 0:
            raise BadArchive(INVALID)
        length = _decimal(data[at:space].decode("ascii", "replace"))
        record = data[space + 1 : at + length]
        if length <= space + 1 - at or not record.endswith(b"\n") or b"=" not in record or at + length > len(data):
            raise BadArchive(INVALID)
        key, value = record[:-1].split(b"=", 1)
        name = os.fsdecode(key)
        if name in ("GNU.sparse.offset", "GNU.sparse.numbytes"):
            sparse.append(os.fsdecode(value))
        else:
            records[name] = os.fsdecode(value)
        at += length
    if sparse:
        records["GNU.sparse.map"] = ",".join(sparse)
    return records


def check_sparse(parts: list[tuple[int, int]], size: int, stored: int) -> None:
    """Raise BadArchive unless a sparse map fits its file: in order, within its size, as long as what is stored."""
    end = 0
    for offset, length in parts:
        if offset < end or length < 0:
            raise BadArchive(INVALID)
        end = offset + length
    if end > size or sum(length for _, length in parts) != stored:
        raise BadArchive(INVALID)


def _pairs(numbers: list[str]) -> list[tuple[int, int]]:
    if len(numbers) % 2:
        raise BadArchive(INVALID)
    values = [_decimal(value) for value in numbers]
    return list(zip(values[::2], values[1::2], strict=True))


def _integer(pax: dict[str, str], key: str, default: int) -> int:
    return _decimal(pax[key]) if pax.get(key) else default


def _decimal(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise BadArchive(INVALID) from None


def _time(value: str) -> int:
    """Return a PAX time, seconds with a fraction of any length, in nanoseconds."""
    whole, _, fraction = value.partition(".")
    seconds = _decimal(whole or "0")
    nanoseconds = _decimal((fraction + "000000000")[:9])
    return seconds * 1_000_000_000 + (-nanoseconds if whole.startswith("-") else nanoseconds)
