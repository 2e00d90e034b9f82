"""Times and durations as clients and images write them, as numbers. Pure, but for now()."""

from __future__ import annotations

import calendar
import json
import re
import time

_TEXT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9})\d*)?)?)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)

_DURATION = re.compile(r"([0-9]*\.?[0-9]+)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


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


def go_time(nanoseconds: int) -> str:
    """Return a time since 1970 as Go prints one in UTC: 2026-01-02 03:04:05.123 +0000 UTC."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    rest = f".{fraction:09d}".rstrip("0") if fraction else ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + rest + " +0000 UTC"


def duration(text: str) -> int:
    """Return the nanoseconds of a duration such as 1m30s. Raises ValueError in Go's words."""
    size = text[1:] if text[:1] in ("+", "-") else text
    found = list(_DURATION.finditer(size))
    if size == "0":
        return 0
    if not size or "".join(part[0] for part in found) != size:
        raise ValueError(f"time: invalid duration {json.dumps(text)}")
    total = sum(int(float(part[1]) * _UNITS[part[2]]) for part in found)
    return -total if text.startswith("-") else total
