"""Writing tar archives: POSIX ustar headers, with a PAX header before those whose values do not fit.

Format: POSIX.1-2017 pax, as Go's archive/tar writes it: a PAX header only where it is needed, whole seconds, no user
names, two blocks of zeros at the end. The counterpart of engine.storage.tarformat. Pure.
"""

from __future__ import annotations

import os
import stat

from engine.storage import tarformat
from engine.storage.tarformat import BLOCK, Entry

KINDS = {  # an entry's kind by its file's
    stat.S_IFREG: tarformat.REGULAR,
    stat.S_IFDIR: tarformat.FOLDER,
    stat.S_IFLNK: tarformat.SYMBOLIC_LINK,
    stat.S_IFCHR: tarformat.CHARACTER_DEVICE,
    stat.S_IFBLK: tarformat.BLOCK_DEVICE,
    stat.S_IFIFO: tarformat.FIFO,
}
END = bytes(2 * BLOCK)
_SMALL, _LARGE = 8**7, 8**11  # what numbers of 7 and of 11 octal digits are below
_FILLED = b"ustar\x0000" + bytes(64)
SECOND = 1_000_000_000


def header(entry: Entry) -> bytes:
    """Return the header blocks of an entry; its content, padded to whole blocks, is to follow."""
    name, link = os.fsencode(entry.name), os.fsencode(entry.link)
    records = {f"SCHILY.xattr.{key}": value for key, value in entry.xattrs.items()}
    if not _fits(name):
        records["path"] = name
    if not _fits(link):
        records["linkpath"] = link
    uid, gid, size, mtime = entry.uid, entry.gid, entry.size, entry.mtime // SECOND
    if not (0 <= uid < _SMALL and 0 <= gid < _SMALL and 0 <= size < _LARGE and 0 <= mtime < _LARGE):
        numbers = {"uid": (uid, _SMALL), "gid": (gid, _SMALL), "size": (size, _LARGE), "mtime": (mtime, _LARGE)}
        records |= {key: b"%d" % value for key, (value, limit) in numbers.items() if not 0 <= value < limit}
        uid, gid, size, mtime = (value if 0 <= value < limit else 0 for value, limit in numbers.values())
    if not records:
        return _block(name, entry.type, entry.mode, (uid, gid, size, mtime), link, entry.device)
    block = _block(_short(name), entry.type, entry.mode, (uid, gid, size, mtime), _short(link), entry.device)
    return pax_header(name, records) + block


def padding(size: int) -> bytes:
    """Return what follows a content of this size, up to the next block."""
    return bytes(-size % BLOCK)


def pax_header(name: bytes, records: dict[str, bytes]) -> bytes:
    """Return the blocks of a PAX header for the entry with this name."""
    data = b"".join(_record(key.encode(errors="surrogateescape"), value) for key, value in sorted(records.items()))
    folder, _, base = name.rstrip(b"/").rpartition(b"/")
    own = (folder + b"/" if folder else b"") + b"PaxHeaders.0/" + base
    return _block(_short(own), "x", 0, (0, 0, len(data), 0), b"", 0) + data + padding(len(data))


def _record(key: bytes, value: bytes) -> bytes:
    """Return "length key=value", where the length counts its own digits too."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _fits(text: bytes) -> bool:
    return len(text) <= 100 and text.isascii()


def _short(text: bytes) -> bytes:
    """Return what of a name stands in the header itself; readers take the whole one from the PAX header."""
    return bytes(each for each in text if each < 0x80)[:100]


def _block(name: bytes, kind: str, mode: int, numbers: tuple[int, int, int, int], link: bytes, device: int) -> bytes:
    """Return a header; numbers are uid, gid, size and time in seconds."""
    before = name.ljust(100, b"\0") + b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, *numbers)
    devices = b"%07o\0%07o\0" % (os.major(device), os.minor(device)) if device else b"0000000\x000000000\0"
    after = kind.encode() + link.ljust(100, b"\0") + _FILLED + devices + bytes(167)
    return b"%s%06o\0 %s" % (before, sum(before) + sum(after) + 8 * 32, after)
