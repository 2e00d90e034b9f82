"""Removing the images that nothing needs, as far as filters name them.

Without the filter dangling=false only those without a tag go: the ones at the end of their line. Images that a
container was made from stay in any case. The rules are dockerd's.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from engine.errors import Conflict, EngineError, InvalidFilter, NoSuchImage, NoSuchLayer
from engine.filters import is_meant, truth, until
from engine.images import reference
from engine.images.record import Image, Removed
from engine.images.remove import chain_ids, children_of, remove
from engine.images.resolve import to_image
from engine.lean_dataclasses import dataclass, field
from engine.times import nanoseconds_of

if TYPE_CHECKING:
    from engine import Engine

FILTERS = frozenset(("dangling", "label", "label!", "until"))

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a prune removed, and the bytes of the layers that went."""

    removed: list[Removed] = field(default_factory=list)
    bytes: int = 0


class SeveralTimes(InvalidFilter):
    """The filter until is given more than once."""

    def __init__(self) -> None:
        super().__init__("until", cause="more than one until filter specified")


def prune(engine: Engine, filters: dict[str, list[str]]) -> Pruned:
    """Remove the images that nothing needs and that every filter names. Raises InvalidFilter."""
    for name in filters:
        if name not in FILTERS:
            raise InvalidFilter(name)
    only_dangling = truth("dangling", filters["dangling"]) if "dangling" in filters else True
    if len(filters.get("until", [])) > 1:
        raise SeveralTimes
    before = until(filters["until"][0]) if filters.get("until") else None
    stored = engine.store.images()
    children = children_of(stored)
    sizes = _sizes(engine)
    removed: list[Removed] = []
    for each in stored:
        image = to_image(engine, each)
        if children.get(image.id) and (only_dangling or not image.names):
            continue
        if _is_meant(image, filters, before):
            removed += _remove(engine, image, only_dangling)
    freed = sum(sizes.get(each.deleted, 0) for each in removed)
    with engine.database.transaction() as tx:
        tx.event("image", "prune", "", {"reclaimed": str(freed)})
    return Pruned(removed, freed)


def _is_meant(image: Image, filters: dict[str, list[str]], before: int | None) -> bool:
    if before is not None:
        created = nanoseconds_of(image.created) if image.created else None
        if created is None or created > before:
            return False
    return is_meant(image.config.labels, filters)


def _remove(engine: Engine, image: Image, only_dangling: bool) -> list[Removed]:
    """Remove an image by its names, or by its id when it has none; what is needed stays without a word."""
    if only_dangling and any(not reference.parse(name).digest for name in image.names):
        return []
    done: list[Removed] = []
    for text in image.names or [image.id]:
        try:
            done += remove(engine, text, force=False, prune=True)
        except (Conflict, NoSuchImage):  # still needed; or gone with the name before, or through somebody else
            continue
        except EngineError as error:
            log.warning("Image %s could not be pruned: %s", text, error)
    return done


def _sizes(engine: Engine) -> dict[str, int]:
    """Return the size of every layer of an image by its chain id."""
    found: dict[str, int] = {}
    for image in engine.store.images():
        try:
            chain = engine.store.layer_chain(image.layer)
        except NoSuchLayer:
            continue
        for layer, chain_id in zip(chain, chain_ids([layer.diff_id for layer in chain]), strict=True):
            if chain_id not in found:
                found[chain_id] = engine.store.layer_size(layer)
    return found
