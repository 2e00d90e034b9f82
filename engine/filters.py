"""What the filters of all lists share: labels, names and truth values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from engine.errors import InvalidFilter

TRUE, FALSE = frozenset(("1", "true")), frozenset(("0", "false"))


def has_labels(labels: Mapping[str, str], wanted: Sequence[str]) -> bool:
    """Tell whether labels have every one of the wanted ones, each "key" or "key=value"."""
    for each in wanted:
        key, given, value = each.partition("=")
        if key not in labels or (given and labels[key] != value):
            return False
    return True


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


def _is_found(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False
