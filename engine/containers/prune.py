"""Removing every container that does not run, as far as filters name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.containers import rows
from engine.containers.record import CREATED, DEAD, EXITED, Container
from engine.containers.remove import RemoveOfRunning, remove
from engine.errors import InvalidFilter, NoSuchContainer
from engine.filters import is_meant
from engine.lean_dataclasses import dataclass, field

if TYPE_CHECKING:
    from engine import Engine

FILTERS = frozenset(("label", "label!", "until"))


class SeveralUntils(InvalidFilter):
    """The filter until is given more than once; in dockerd's words."""

    def __init__(self) -> None:
        super().__init__("until", cause="more than one until filter specified")

    def __str__(self) -> str:
        return self.cause


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a prune removed, and how many bytes the containers had written."""

    ids: list[str] = field(default_factory=list)
    bytes: int = 0


def prune(engine: Engine, filters: dict[str, list[str]]) -> Pruned:
    """Remove the containers that do not run and that every filter names; their volumes stay.

    Raises InvalidFilter. A container that is started or removed meanwhile is passed over.
    """
    for name in filters:
        if name not in FILTERS:
            raise InvalidFilter(name)
    before = _until(filters.get("until"))
    ids: list[str] = []
    size = 0
    for container in rows.all_containers(engine.database):
        if not _is_meant(container, filters, before):
            continue
        try:
            written, _ = engine.store.sizes(container.id)
            remove(engine, container.id)
        except (NoSuchContainer, RemoveOfRunning):
            continue
        ids.append(container.id)
        size += written
    with engine.database.transaction() as tx:
        tx.event("container", "prune", "", {"reclaimed": str(size)})
    return Pruned(ids, size)


def _is_meant(container: Container, filters: dict[str, list[str]], before: int | None) -> bool:
    if container.state.status not in (CREATED, EXITED, DEAD):
        return False
    if before is not None and container.created > before:
        return False
    return is_meant(container.config.labels, filters)


def _until(values: list[str] | None) -> int | None:
    from engine.filters import until

    if not values:
        return None
    if len(values) > 1:
        raise SeveralUntils
    return until(values[0])
