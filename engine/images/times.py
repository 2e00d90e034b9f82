"""Times in image configurations and filters, as numbers. Pure."""

from __future__ import annotations

import calendar
import re
import time

_TEXT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9})\d*)?)?)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)


def nanoseconds_of(text: str) -> int | None:
    """Return the nanoseconds since 1970 of an RFC 3339 time, or of a part of one; None when it is none."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        seconds = calendar.timegm((year, month, day, hour, minute, second))
    except (ValueError, OverflowError):
        return None
    zone = found[8] or "Z"
    if zone.upper() != "Z":
        shift = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        seconds -= shift if zone[0] == "+" else -shift
    return seconds * 1_000_000_000 + int((found[7] or "0").ljust(9, "0"))


def seconds_of(text: str) -> int:
    """Return the seconds since 1970 of an RFC 3339 time; 0 for none, as dockerd shows a missing one."""
    found = nanoseconds_of(text)
    return 0 if found is None else found // 1_000_000_000


def now() -> int:
    """Return the present time in nanoseconds since 1970."""
    return time.time_ns()
