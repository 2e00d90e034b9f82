"""A container's log as it lies on disk, read as one stream: the file that the monitor writes, and those rotated away.

The monitor writes `container.log`. engine.log_keeper gives a full one the further name `container.log.N`, N counting
up, before it has the monitor begin a new one, and may pack it into `container.log.N.gz`. A rotated file is complete
once `container.log` is another one. Without a keeper (one file only) the monitor itself replaces the file by a new one.
Used off the loop.
"""

from __future__ import annotations

import gzip
import os
from collections import deque
from pathlib import Path
from typing import IO, cast

from engine.containers.log_format import Joiner, Message
from engine.hurry import WouldWait, is_hurried

BLOCK = 98304
# How much of a file's end is looked at first for its last messages; then ever more.
_TAIL_PER_MESSAGE = 160
_TAIL_LEAST, _TAIL_AT_ONCE, _TAIL_MOST = 4096, 65536, 1 << 20


class _Piece:
    """One file of a log, open; number is what it is rotated to, or would be."""

    def __init__(self, path: Path, number: int) -> None:
        self.number = number
        self.packed = path.suffix == ".gz"
        self.file = cast(IO[bytes], gzip.open(path) if self.packed else open(path, "rb", buffering=0))  # noqa: SIM115
        self.inode = os.fstat(self.file.fileno()).st_ino
        self.offset = 0

    def size(self) -> int:
        """Return the size; of a packed file, 0."""
        return 0 if self.packed else os.fstat(self.file.fileno()).st_size

    def modified(self) -> int:
        """Return when it was last written to, in nanoseconds since 1970."""
        return os.fstat(self.file.fileno()).st_mtime_ns


class LogFiles:
    """A reader of all that there is of a log, and of what comes."""

    def __init__(self, path: Path, *, since: int = 0, tail: int | None = None, grows: bool = False) -> None:
        """Open the log at its start, or where its last messages begin; files older than since are passed over.

        grows: a line without an end is not a message yet, as its end may come.
        """
        self._grows = grows
        self._path = path
        self._rest = b""
        self._passed_over = 0
        self._ready: list[Message] | None = None  # read already
        self._waiting: deque[_Piece] = deque()
        self._joiner = Joiner()
        pieces = self._open_all()
        if since and tail is None:
            while len(pieces) > 1 and pieces[0].modified() < since:
                pieces.pop(0).file.close()
        self._waiting.extend(pieces)
        self._now = self._waiting.popleft() if self._waiting else None
        if tail is not None and self._now is not None and not self._read_tail(tail):
            self._go_to_tail(tail)

    def read(self) -> list[Message] | None:
        """Return the next messages, perhaps none of a piece of the log; None where there is nothing more now."""
        if self._ready is not None:
            ready, self._ready = self._ready, None
            return ready
        block = self._block()
        return None if block is None else self._kept(self._joiner.feed(block))

    def end(self) -> list[Message]:
        """Return what waits for a newline; to be asked when nothing more is written."""
        return self._kept(self._joiner.end())

    def _kept(self, messages: list[Message]) -> list[Message]:
        """Return the messages without those before the last ones that were asked for."""
        dropped = min(self._passed_over, len(messages))
        self._passed_over -= dropped
        return messages[dropped:] if dropped else messages

    def close(self) -> None:
        """Close the files."""
        for piece in (self._now, *self._waiting):
            if piece is not None:
                piece.file.close()
        self._now = None
        self._waiting.clear()

    def _block(self) -> bytes | None:
        """Return the next whole records, b"" for an incomplete one; None at the end."""
        while True:
            if self._now is None:
                self._now = self._first()
                if self._now is None:
                    return None
            data = self._now.file.read(BLOCK)
            if data:
                data = self._rest + data if self._rest else data
                end = data.rfind(b"\n") + 1
                self._rest = data[end:]
                return data[:end]
            if not self._next():
                return None

    def _next(self) -> bool:
        """Go on to the file after this one; False when this one is what is written now."""
        assert self._now is not None
        if self._waiting:
            following: _Piece | None = self._waiting.popleft()
        else:
            if self._now.inode == _inode(self._path):
                return False
            if not self._now.packed and self._now.file.tell() < self._now.size():
                return True  # it was written to until it was replaced
            following = self._after(self._now.number)
            if following is None:
                return False
        self._now.file.close()
        self._now, self._rest = following, b""
        return True

    def _first(self) -> _Piece | None:
        pieces = self._open_all()
        self._waiting.extend(pieces)
        return self._waiting.popleft() if self._waiting else None

    def _after(self, number: int) -> _Piece | None:
        """Open the oldest file that is newer than the one of this number."""
        pieces = self._open_all()
        while len(pieces) > 1 and pieces[0].number <= number:
            pieces.pop(0).file.close()
        self._waiting.extend(pieces)
        return self._waiting.popleft() if self._waiting else None

    def _open_all(self) -> list[_Piece]:
        """Open all files, oldest first, each once."""
        while True:
            pieces: list[_Piece] = []
            try:
                found = rotated(self._path)
                for number in sorted(found):
                    pieces.append(_Piece(found[number], number))
            except FileNotFoundError:  # packed or deleted meanwhile
                for piece in pieces:
                    piece.file.close()
                continue
            try:
                last = _Piece(self._path, (pieces[-1].number if pieces else 0) + 1)
            except FileNotFoundError:
                return pieces
            if pieces and pieces[-1].inode == last.inode:
                last.file.close()
            elif max(rotated(self._path), default=0) >= last.number:
                for piece in (*pieces, last):  # rotated between the two looks
                    piece.file.close()
                continue
            else:
                pieces.append(last)
            return pieces

    def _read_tail(self, messages: int) -> bool:
        """Read the last messages where they are near the end of the newest file; False where they are not."""
        piece = self._waiting[-1] if self._waiting else self._now
        assert piece is not None
        if piece.packed:
            return False
        span, size = min(max(messages * _TAIL_PER_MESSAGE, _TAIL_LEAST), _TAIL_MOST), piece.size()
        while True:
            if span > _TAIL_AT_ONCE:
                self._take_time()
            start = max(0, size - span)
            piece.file.seek(start)
            data = piece.file.read(span)
            whole = start == 0 and not self._waiting
            begin, end = data.find(b"\n") + 1 if start else 0, data.rfind(b"\n") + 1
            joiner = Joiner(from_middle=not whole)
            found = joiner.feed(data[begin:end])
            waiting = 0 if self._grows else joiner.waiting()
            dropped = len(found) + waiting - messages
            if dropped >= 0 or whole:
                break
            if start == 0 or span == _TAIL_MOST:
                return False
            span = min(span * 4, _TAIL_MOST)
        for older in (self._now, *self._waiting):
            if older is not None and older is not piece:
                older.file.close()
        self._now, self._waiting, self._rest, self._joiner = piece, deque(), data[end:], joiner
        self._ready = found[max(0, dropped) :]
        self._passed_over = max(0, dropped - len(found))
        return True

    def _take_time(self) -> None:
        """Give up in a hurry: much is about to be read."""
        if is_hurried():
            self.close()
            raise WouldWait

    def _go_to_tail(self, messages: int) -> None:
        """Go to where the last messages begin: look at ever more of the end, and count."""
        self._take_time()
        pieces = [piece for piece in (self._now, *self._waiting) if piece is not None]
        at = len(pieces) - 1
        first = span = min(max(messages * _TAIL_PER_MESSAGE, _TAIL_LEAST), _TAIL_MOST)
        while True:
            piece = pieces[at]
            start = 0 if piece.packed or span >= piece.size() else _record_start(piece.file, piece.size() - span)
            whole = at == 0 and start == 0
            found = _count(pieces[at:], start, from_middle=not whole, unfinished=not self._grows)
            if found >= messages or whole:
                break
            if start == 0:
                at, span = at - 1, first
            else:
                span *= 4
        for piece in pieces[:at]:
            piece.file.close()
        self._now, self._waiting = pieces[at], deque(pieces[at + 1 :])
        for piece in self._waiting:
            piece.file.seek(0)
        self._now.file.seek(start)
        self._joiner = Joiner(from_middle=not whole)
        self._passed_over = max(0, found - messages)


def rotated(path: Path) -> dict[int, Path]:
    """Return the files that a log was rotated to, by their numbers; the packed one only where the plain is gone."""
    found: dict[int, Path] = {}
    folder, own = os.path.split(path)
    prefix = f"{own}."
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return {}
    for name in names:
        if name.startswith(prefix):
            number = name.removeprefix(prefix)
            if number.isdigit():
                found[int(number)] = path.with_name(name)
            elif number.endswith(".gz") and number[:-3].isdigit():
                found.setdefault(int(number[:-3]), path.with_name(name))
    return found


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _record_start(file: IO[bytes], offset: int) -> int:
    """Return where the first record behind an offset begins."""
    file.seek(offset)
    while block := file.read(BLOCK):
        found = block.find(b"\n")
        if found >= 0:
            return offset + found + 1
        offset += len(block)
    return offset


def _count(pieces: list[_Piece], start: int, *, from_middle: bool, unfinished: bool) -> int:
    """Return how many messages there are from an offset in the first file to the end."""
    joiner = Joiner(from_middle=from_middle)
    found = 0
    for number, piece in enumerate(pieces):
        piece.file.seek(0 if number else start)
        rest = b""
        while data := piece.file.read(BLOCK):
            data = rest + data
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            found += len(joiner.feed(data[:end]))
    return found + (len(joiner.end()) if unfinished else 0)
