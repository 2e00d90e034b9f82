"""What the filters of all lists share: labels, names and truth values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from engine.errors import InvalidFilter
from engine.times import duration, nanoseconds_of, now

TRUE, FALSE = frozenset(("1", "true")), frozenset(("0", "false"))
_SECONDS = re.compile(r"[+-]?[0-9]{1,19}(\.[0-9]{1,19})?")


class BadTime(InvalidFilter):
    """A time that is neither a date nor a duration."""

    def __init__(self, value: str) -> None:
        super().__init__("until", value, f'failed to parse value as time or duration: "{value}"')


def has_labels(labels: Mapping[str, str] | None, wanted: Sequence[str]) -> bool:
    """Tell whether labels have every one of the wanted ones, each "key" or "key=value"."""
    for each in wanted:
        key, given, value = each.partition("=")
        if not labels or key not in labels or (given and labels[key] != value):
            return False
    return True


def is_meant(labels: Mapping[str, str] | None, filters: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether a prune's filters label and label! mean what has these labels; label! of none means nothing."""
    if not has_labels(labels, filters.get("label", ())):
        return False
    return "label!" not in filters or not has_labels(labels, filters["label!"])


def matches(patterns: Sequence[str], text: str) -> bool:
    """Tell whether a text is one of the patterns, or one of them, as a regular expression, is found in it."""
    return text in patterns or any(_is_found(pattern, text) for pattern in patterns)


def truth(name: str, values: Sequence[str]) -> bool:
    """Return what the values of a filter say. Raises InvalidFilter when they say neither or both."""
    is_true, is_false = bool(TRUE & set(values)), bool(FALSE & set(values))
    if not values:
        raise InvalidFilter(name)
    if is_true == is_false:
        raise InvalidFilter(name, f"[{' '.join(values)}]")
    return is_true


def until(value: str) -> int:
    """Return the time, in nanoseconds since 1970, that a filter until names: a date, seconds or how long ago.

    Raises BadTime.
    """
    found = nanoseconds_of(value)
    if found is not None:
        return found
    if _SECONDS.fullmatch(value):
        return int(float(value) * 1_000_000_000)
    try:
        return now() - duration(value)
    except ValueError:
        raise BadTime(value) from None


def _is_found(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False
