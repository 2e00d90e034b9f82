"""The log file's format, which is conmon's k8s-file: one record a line, read back into what was written. Pure.

A record is `TIME STREAM TAG TEXT\\n`: TIME as RFC 3339 with nanoseconds and an offset (UTC, as conmon is told),
STREAM stdout or stderr, TAG F for text that a newline ended, P for a piece that the monitor read before one came, and
E, which the start verb writes, where a run begins after another: what waits for a newline then is complete. dockerd
gathers pieces until a newline or 16 KiB, so pieces are joined here to the same effect.

A message is (time, stream, tag, text), all bytes, as the regular expression finds it, for logs are large: time in UTC
and without its offset, so that times compare as text; stream b"out" or b"err"; text with its newline if one came.
"""

from __future__ import annotations

import calendar
import re
import time

MAX_MESSAGE = 16384
OUT, ERR = b"out", b"err"
STAMP_BYTES = 29
END_OF_RUN = b"E"

_LAST = 253_402_300_799_999_999_999  # the end of the year 9999

Message = tuple[bytes, bytes, bytes, bytes]

# What nearly all records are like; \n ends the text, so the rest of the line is one.
_RECORD = re.compile(rb"^(.{29})\+00:00 std(out|err) ([FPE]) (.{0,%d}\n)" % (MAX_MESSAGE - 1), re.MULTILINE)


class Joiner:
    """Turns records into messages, joining the pieces of each stream."""

    def __init__(self, *, from_middle: bool = False) -> None:
        """Begin; from_middle: what comes before the end of the first line of each stream is passed over."""
        self._pending: dict[bytes, tuple[bytes, bytearray]] = {}
        self._skipping = {OUT, ERR} if from_middle else set()

    def feed(self, block: bytes) -> list[Message]:
        """Return the messages that these whole records complete; one that makes no sense is passed over."""
        found: list[Message] = _RECORD.findall(block)
        if len(found) != block.count(b"\n"):
            return self._one_by_one(block)
        if not (self._pending or self._skipping) and b" P " not in block and b" E " not in block:
            return found
        return self.join(found)

    def end(self) -> list[Message]:
        """Return what waits for a newline that will not come."""
        waiting = sorted(self._pending.items(), key=lambda item: item[1][0])
        self._pending.clear()
        return [(stamp, stream, b"P", bytes(text)) for stream, (stamp, text) in waiting if text]

    def waiting(self) -> int:
        """Return how many messages end would return."""
        return sum(1 for _, text in self._pending.values() if text)

    def join(self, found: list[Message]) -> list[Message]:
        """Return the messages that these records complete."""
        messages: list[Message] = []
        pending, skipping = self._pending, self._skipping
        for record in found:
            if record[2] == b"F" and record[1] not in pending and record[1] not in skipping:
                messages.append(record)
            else:
                self._take(record, messages)
        return messages

    def _take(self, record: Message, messages: list[Message]) -> None:
        """Take a record that may be a piece or end one."""
        stamp, stream, tag, text = record
        if tag == END_OF_RUN:
            messages += self.end()
            self._skipping.clear()
            return
        if stream in self._skipping:
            if tag == b"F":
                self._skipping.discard(stream)
            return
        started, waiting = self._pending.pop(stream, (stamp, bytearray()))
        waiting += text
        if tag == b"P":
            del waiting[-1:]
        # A full message goes at once, and a newline just behind it is a message of its own.
        while len(waiting) >= MAX_MESSAGE + (tag == b"F"):
            messages.append((started, stream, b"P", bytes(waiting[:MAX_MESSAGE])))
            del waiting[:MAX_MESSAGE]
        if tag == b"F":
            messages.append((started, stream, tag, bytes(waiting)))
        else:
            self._pending[stream] = (started, waiting)

    def _one_by_one(self, block: bytes) -> list[Message]:
        """Read records some of which are long, in another time zone, or damaged."""
        messages: list[Message] = []
        for line in block.split(b"\n")[:-1]:
            parts = line.split(b" ", 3)
            if len(parts) != 4 or parts[1] not in (b"stdout", b"stderr") or parts[2] not in (b"F", b"P", b"E"):
                continue
            nanoseconds = parse_time(parts[0])
            if nanoseconds is not None:
                self._take((stamp_of(nanoseconds), parts[1][3:], parts[2], parts[3] + b"\n"), messages)
        return messages


def stamp_of(nanoseconds: int) -> bytes:
    """Return a time since 1970 as a message has it; one that it cannot have becomes the first or the last."""
    seconds, fraction = divmod(min(max(nanoseconds, 0), _LAST), 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode() + b".%09d" % fraction


def end_of_run(nanoseconds: int) -> bytes:
    """Return the record that parts two runs."""
    return stamp_of(nanoseconds) + b"+00:00 stdout E \n"


def parse_time(text: bytes) -> int | None:
    """Return nanoseconds since 1970 of a time such as 2026-01-02T03:04:05.123456789+01:00, None for another text."""
    try:
        year, month, day = int(text[0:4]), int(text[5:7]), int(text[8:10])
        hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
        seconds = calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0))
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
