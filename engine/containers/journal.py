"""The journal as a container's log: whether there is one, and how its entries become messages.

conmon sends an entry per line to journald, with PRIORITY 6 for stdout and 3 for stderr, CONTAINER_ID_FULL,
CONTAINER_ID, CONTAINER_NAME, CONTAINER_TAG and SYSLOG_IDENTIFIER; a piece of a line that is longer than its buffer, or
that ends without a newline, has CONTAINER_PARTIAL_MESSAGE=true. journald adds _PID, which is conmon's and so tells runs
apart. journalctl, run as a child, reads them back in systemd's export format.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from engine.containers.log_format import END_OF_RUN, ERR, OUT, Joiner, Message, stamp_of

if TYPE_CHECKING:
    from engine.containers.logs import LogOptions

SOCKET = "/run/systemd/journal/socket"
_FIELDS = "MESSAGE,PRIORITY,CONTAINER_PARTIAL_MESSAGE,_PID"
_STDERR_PRIORITY = b"3"
_FIRST_ODD = re.compile(r"^_+")

Entry = dict[bytes, bytes]


def enabled() -> bool:
    """Tell whether this machine has a journal that can be written to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
        try:
            probe.connect(SOCKET)
        except OSError:
            return False
    return True


def field_name(name: str) -> str:
    """Return the name of a label or variable as a journal's field can have it: A-Z, 0-9 and _, not beginning with _."""
    upper = "".join(letter.upper() if letter.isascii() and letter.isalnum() else "_" for letter in name)
    return _FIRST_ODD.sub("", upper)


def arguments(
    journalctl: str, container_id: str, options: LogOptions, *, last: int = 0, after: bytes = b"", follow: bool = False
) -> list[str]:
    """Return journalctl's command line for a container's entries, for so many last ones, or for those after a cursor.

    The times are cut to microseconds, so that the one who reads still has to look at the messages' times. So does
    who wants a tail, since a line may have several entries.
    """
    command = [journalctl, "--quiet", "--no-pager", "--all", "--output=export", f"--output-fields={_FIELDS}"]
    if after:
        command.append(f"--after-cursor={after.decode()}")
    else:
        if options.since > 0:
            command.append(f"--since=@{_microseconds(options.since)}")
        if last:
            command.append(f"--lines={last}")
    if options.until > 0 and not follow:
        command.append(f"--until=@{_microseconds(options.until)}")
    if follow:
        command += ["--follow", "--no-tail"]
    return [*command, f"CONTAINER_ID_FULL={container_id}"]


def _microseconds(nanoseconds: int) -> str:
    seconds, fraction = divmod(nanoseconds // 1000, 1_000_000)
    return f"{seconds}.{fraction:06}"


class Entries:
    """Takes journalctl's export apart: an entry ends with an empty line, a value with newlines tells its length."""

    def __init__(self) -> None:
        self._rest = b""
        self._entry: Entry = {}

    def feed(self, data: bytes) -> list[Entry]:
        """Return the entries that these bytes complete."""
        data = self._rest + data
        at, entries = 0, []
        while (end := data.find(b"\n", at)) >= 0:
            line = data[at:end]
            name, equals, value = line.partition(b"=")
            if not line:
                if self._entry:
                    entries.append(self._entry)
                self._entry = {}
            elif equals:
                self._entry[name] = value
            else:
                start = end + 9
                end = start + int.from_bytes(data[end + 1 : start], "little")
                if len(data) < start or len(data) <= end:
                    break
                self._entry[name] = data[start:end]
            at = end + 1
        self._rest = data[at:]
        return entries


class Messages:
    """Turns entries into messages; cursor is the last entry's, b"" before there was one, and entries their number."""

    def __init__(self, *, from_middle: bool = False) -> None:
        """Begin; from_middle: what comes before the end of the first line of each stream is passed over."""
        self.cursor = b""
        self.entries = 0
        self._joiner = Joiner(from_middle=from_middle)
        self._monitor = b""

    def feed(self, entries: list[Entry]) -> list[Message]:
        """Return the messages that these entries complete."""
        messages: list[Message] = []
        for entry in entries:
            self.cursor = entry[b"__CURSOR"]
            self.entries += 1
            if b"MESSAGE" not in entry:
                continue
            record = _record(entry)
            monitor = entry.get(b"_PID", b"")
            if self._monitor and self._monitor != monitor:  # another run, so what waits for its newline is complete
                messages += self._joiner.join([(record[0], OUT, END_OF_RUN, b"")])
            self._monitor = monitor
            messages += self._joiner.join([record])
        return messages

    def end(self) -> list[Message]:
        """Return what waits for a newline that will not come."""
        return self._joiner.end()


def _record(entry: Entry) -> Message:
    stream = ERR if entry.get(b"PRIORITY") == _STDERR_PRIORITY else OUT
    partial = b"CONTAINER_PARTIAL_MESSAGE" in entry
    text = entry[b"MESSAGE"] if partial else entry[b"MESSAGE"].removesuffix(b"\n")
    stamp = stamp_of(int(entry[b"__REALTIME_TIMESTAMP"]) * 1000)
    return stamp, stream, b"P" if partial else b"F", text + b"\n"
