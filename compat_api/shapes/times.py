"""Times and durations as dockerd writes them. Pure; times are nanoseconds since 1970, 0 stands for never."""

from __future__ import annotations

import time

NEVER = "0001-01-01T00:00:00Z"
SECOND = 1_000_000_000


def rfc3339_nano(moment: int) -> str:
    """Return a time in UTC as Go's RFC3339Nano does: no zeros at the end of the fraction, none at all when it is 0."""
    if not moment:
        return NEVER
    seconds, fraction = divmod(moment, SECOND)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else text + "Z"


def rfc3339_nano_fixed(moment: int) -> str:
    """Return a time as log lines carry it: always nine digits."""
    seconds, fraction = divmod(moment, SECOND)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{fraction:09d}Z"


def human_duration(nanoseconds: int) -> str:
    """Return about how long something lasted: "Less than a second", "3 seconds", "About an hour", "2 weeks"."""
    seconds = int(nanoseconds / SECOND)
    minutes = seconds // 60
    hours = int(nanoseconds / SECOND / 3600 + 0.5)
    if seconds < 60:
        return ("Less than a second", "1 second")[seconds > 0] if seconds < 2 else f"{seconds} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{seconds // 3600 // 24 // 365} years"
