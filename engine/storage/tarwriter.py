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
_FIELDS = {"mode": (100, 8), "uid": (108, 8), "gid": (116, 8), "size": (124, 12), "mtime": (136, 12)}
_PAX = {"uid", "gid", "size", "mtime"}
SECOND = 1_000_000_000


def header(entry: Entry) -> bytes:
    """Return the header blocks of an entry; its content, padded to whole blocks, is to follow."""
    name, link = os.fsencode(entry.name), os.fsencode(entry.link)
    records = {f"SCHILY.xattr.{key}": value for key, value in entry.xattrs.items()}
    if not _fits(name):
        records["path"] = name
    if not _fits(link):
        records["linkpath"] = link
    numbers = {
        "mode": entry.mode,
        "uid": entry.uid,
        "gid": entry.gid,
        "size": entry.size,
        "mtime": entry.mtime // SECOND,
    }
    for key, value in numbers.items():
        if key in _PAX and not 0 <= value < 8 ** (_FIELDS[key][1] - 1):
            records[key] = b"%d" % value
            numbers[key] = 0
    block = _block(_short(name), entry.type, numbers, _short(link), entry.device)
    return (pax_header(name, records) + block) if records else block


def padding(size: int) -> bytes:
    """Return what follows a content of this size, up to the next block."""
    return bytes(-size % BLOCK)


def pax_header(name: bytes, records: dict[str, bytes]) -> bytes:
    """Return the blocks of a PAX header for the entry with this name."""
    data = b"".join(_record(key.encode(errors="surrogateescape"), value) for key, value in sorted(records.items()))
    folder, _, base = name.rstrip(b"/").rpartition(b"/")
    own = (folder + b"/" if folder else b"") + b"PaxHeaders.0/" + base
    numbers = {"mode": 0, "uid": 0, "gid": 0, "size": len(data), "mtime": 0}
    return _block(_short(own), "x", numbers, b"", 0) + data + padding(len(data))


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


def _block(name: bytes, kind: str, numbers: dict[str, int], link: bytes, device: int) -> bytes:
    block = bytearray(BLOCK)
    block[: len(name)] = name
    for key, (at, width) in _FIELDS.items():
        block[at : at + width] = b"%0*o\0" % (width - 1, numbers[key])
    block[156:157] = kind.encode()
    block[157 : 157 + len(link)] = link
    block[257:265] = b"ustar\x0000"
    block[329:337] = b"%07o\0" % os.major(device)
    block[337:345] = b"%07o\0" % os.minor(device)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)
