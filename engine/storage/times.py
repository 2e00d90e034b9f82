"""Times as the store's records and image configurations spell them: RFC 3339 with up to nine digits, UTC."""

from __future__ import annotations

import time

ZERO = "0001-01-01T00:00:00Z"


def text_of(nanoseconds: int) -> str:
    """Return a time since 1970 as Go prints it: no trailing zeros in the fraction."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    digits = f"{fraction:09d}".rstrip("0")
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"


def now_text() -> str:
    """Return the present time."""
    return text_of(time.time_ns())
