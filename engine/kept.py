"""What is made of records, kept for as long as these are the same: most looks and lists find that nothing has changed.

Whether it still holds is told by what it was made of alone, which is read anew each time; so it does not matter who
changes that, in which process. What is kept is not to be changed by those who get it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")


class Kept(Generic[Made]):
    """At most so many things by their objects' ids, each with what it was made of."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[str, tuple[tuple[Any, ...], Made]] = {}

    def of(self, object_id: str, sources: tuple[Any, ...], make: Callable[[], Made]) -> Made:
        """Return what was made of the same sources before, else what make makes; the same source is equal to itself."""
        known = self._known.get(object_id)
        if known is not None and known[0] == sources:
            return known[1]
        made = make()
        self.put(object_id, sources, made)
        return made

    def last(self, object_id: str) -> tuple[tuple[Any, ...], Made] | None:
        """Return the sources and what was made of them, whether they still are the same or not."""
        return self._known.get(object_id)

    def put(self, object_id: str, sources: tuple[Any, ...], made: Made) -> None:
        """Keep what was made of sources; all else goes when there would be too many."""
        if len(self._known) >= self._most and object_id not in self._known:
            self._known.clear()
        self._known[object_id] = sources, made
