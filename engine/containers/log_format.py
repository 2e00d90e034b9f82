"""The log file's format, which is conmon's k8s-file: one record a line, read back into what was written. Pure.

A record is `TIME STREAM TAG TEXT\\n`: TIME as RFC 3339 with nanoseconds and an offset, STREAM stdout or stderr, TAG
F for text that a newline ended or P for a piece that the monitor read before one came. dockerd gathers pieces
until a newline or 16 KiB, so pieces are joined here to the same effect.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MAX_MESSAGE = 16384
STREAMS = {b"stdout": 1, b"stderr": 2}


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One message: stream 1 or 2, nanoseconds since 1970, the bytes with their newline unless it never came."""

    stream: int
    time: int
    data: bytes
    attributes: dict[str, str] = field(default_factory=dict)


class Joiner:
    """Turns records into messages, joining the pieces of each stream."""

    def __init__(self) -> None:
        self._pending: dict[int, tuple[int, bytearray]] = {}

    def feed(self, lines: Iterable[bytes]) -> Iterator[LogEntry]:
        """Yield the messages that these records complete; a record that makes no sense is passed over."""
        for line in lines:
            parts = line.rstrip(b"\n").split(b" ", 3)
            if len(parts) != 4 or (stream := STREAMS.get(parts[1])) is None:
                continue
            time = parse_time(parts[0])
            if time is None:
                continue
            started, text = self._pending.pop(stream, (time, bytearray()))
            text += parts[3]
            while len(text) > MAX_MESSAGE:
                yield LogEntry(stream, started, bytes(text[:MAX_MESSAGE]))
                del text[:MAX_MESSAGE]
            if parts[2] == b"F":
                yield LogEntry(stream, started, bytes(text) + b"\n")
            else:
                self._pending[stream] = (started, text)

    def end(self) -> Iterator[LogEntry]:
        """Yield what waits for a newline that will not come."""
        for stream, (time, text) in sorted(self._pending.items(), key=lambda item: item[1][0]):
            if text:
                yield LogEntry(stream, time, bytes(text))
        self._pending.clear()


def parse_time(text: bytes) -> int | None:
    """Return nanoseconds since 1970 of a time such as 2026-01-02T03:04:05.123456789+01:00, None for another text."""
    try:
        seconds = _seconds(text[:19])
        rest = text[19:]
        fraction = 0
        if rest[:1] == b".":
            digits = len(rest[1:]) - len(rest[1:].lstrip(b"0123456789"))
            fraction = int(rest[1 : 1 + digits].ljust(9, b"0")[:9])
            rest = rest[1 + digits :]
        if rest not in (b"Z", b"+00:00"):
            offset = int(rest[1:3]) * 3600 + int(rest[4:6]) * 60
            seconds -= offset if rest[:1] == b"+" else -offset
        return seconds * 1_000_000_000 + fraction
    except (ValueError, IndexError):
        return None


_cached: tuple[bytes, int] = (b"", 0)


def _seconds(text: bytes) -> int:
    """Return seconds since 1970; records come in bursts within a second, so the last answer is kept."""
    global _cached
    if text != _cached[0]:
        year, month, day = int(text[0:4]), int(text[5:7]), int(text[8:10])
        hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
        _cached = (text, calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0)))
    return _cached[1]
