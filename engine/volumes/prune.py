"""Removing the volumes that no container has, as far as filters name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InvalidFilter, InvalidParameter, NoSuchVolume
from engine.filters import is_meant
from engine.lean_dataclasses import dataclass, field
from engine.volumes.names import VolumeInUse
from engine.volumes.size import folder_size

if TYPE_CHECKING:
    from engine.volumes import Volume, Volumes

FILTERS = frozenset(("all", "label", "label!"))
TRUTHS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


class InvalidAll(InvalidParameter):
    """A value of the filter all that is no truth; in dockerd's words."""

    def __init__(self, value: str) -> None:
        super().__init__(f"invalid filter 'all': strconv.ParseBool: parsing \"{value}\": invalid syntax")
        self.value = value


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a prune removed, and how many bytes there were in it."""

    names: list[str] = field(default_factory=list)
    bytes: int = 0


def prune(volumes: Volumes, filters: dict[str, list[str]], *, named: bool = False) -> Pruned:
    """Remove the volumes that no container has and that every filter names.

    Without the filter all only anonymous ones, unless named says otherwise; never those that stand for something else
    by their options. Raises InvalidFilter and InvalidAll.
    """
    for name in filters:
        if name not in FILTERS:
            raise InvalidFilter(name)
    everything = _all(filters.get("all")) or named
    removed, size = [], 0
    for volume in volumes.list():
        if not _is_meant(volume, filters, everything=everything) or volumes.users(volume.name):
            continue
        held = folder_size(volume.path)
        try:
            volumes.remove(volume.name)
        except (NoSuchVolume, VolumeInUse):
            continue
        removed.append(volume.name)
        size += held
    volumes.tell_pruned(size)
    return Pruned(removed, size)


def _is_meant(volume: Volume, filters: dict[str, list[str]], *, everything: bool) -> bool:
    return (
        (everything or volume.definition.anonymous)
        and not volume.definition.options
        and is_meant(volume.definition.labels, filters)
    )


def _all(values: list[str] | None) -> bool:
    if not values:
        return False
    if len(values) > 1:
        raise InvalidFilter("all", f"[{' '.join(values)}]", "only one value is expected")
    if values[0] not in TRUTHS:
        raise InvalidAll(values[0])
    return TRUTHS[values[0]]
