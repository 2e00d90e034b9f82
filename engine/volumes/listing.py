"""Which volumes a list request names: the filters, pure. The words of the errors are dockerd's."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from engine.errors import InvalidFilter

if TYPE_CHECKING:
    from engine.volumes import Volume

FILTERS = frozenset(("dangling", "driver", "label", "name"))


def select(volumes: Sequence[Volume], used: Collection[str], filters: dict[str, list[str]]) -> list[Volume]:
    """Return the volumes that the filters name; used are the names of those that containers have.

    Raises InvalidFilter.
    """
    for name in filters:
        if name not in FILTERS:
            raise InvalidFilter(name)
    dangling = _truth("dangling", filters.get("dangling"))
    return [
        volume
        for volume in volumes
        if (dangling is None or dangling == (volume.name not in used))
        and (not filters.get("driver") or volume.driver in filters["driver"])
        and (not filters.get("name") or any(_found(value, volume.name) for value in filters["name"]))
        and all(_labelled(volume.definition.labels, value) for value in filters.get("label") or ())
    ]


def _truth(name: str, values: list[str] | None) -> bool | None:
    if not values:
        return None
    is_true, is_false = bool({"1", "true"} & set(values)), bool({"0", "false"} & set(values))
    if is_true == is_false:
        raise InvalidFilter(name, f"[{' '.join(values)}]")
    return is_true


def _found(pattern: str, text: str) -> bool:
    try:
        return pattern in text or re.search(pattern, text) is not None
    except re.error:
        return False


def _labelled(labels: dict[str, str], wanted: str) -> bool:
    key, given, value = wanted.partition("=")
    return key in labels and (not given or labels[key] == value)
