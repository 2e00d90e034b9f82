"""Which volumes a list request names: the filters, pure. The words of the errors are dockerd's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from engine.errors import InvalidFilter
from engine.filters import has_labels, matches, truth

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
    dangling = truth("dangling", filters["dangling"]) if "dangling" in filters else None
    return [
        volume
        for volume in volumes
        if (dangling is None or dangling == (volume.name not in used))
        and (not filters.get("driver") or volume.driver in filters["driver"])
        and (not filters.get("name") or matches(filters["name"], volume.name))
        and has_labels(volume.definition.labels, filters.get("label", []))
    ]
