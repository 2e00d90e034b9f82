"""Giving names to images and taking them away, with the events that tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InvalidReference
from engine.images.reference import Reference, parse_target
from engine.images.resolve import resolve

if TYPE_CHECKING:
    from engine import Engine
    from engine.images.record import Image

_DIGEST_WORD = "sha256"


def tag_image(engine: Engine, text: str, repository: str, tag: str) -> None:
    """Give the image that text stands for a name, which leaves the image that had it.

    An empty repository names nothing, and nothing happens, as with dockerd. Raises NoSuchImage, InvalidReference.
    """
    target = parse_target(repository, tag)
    if target is None:
        return
    add_name(engine, resolve(engine, text), target)


def add_name(engine: Engine, image: Image, name: Reference) -> None:
    """Give an image a name and tell of it. Raises InvalidReference, NoSuchImage."""
    check_name(name)
    engine.store.set_names(image.id, add=[name.full], remove=[])
    event(engine, image, "tag", name.familiar)


def check_name(name: Reference) -> None:
    """Raise InvalidReference for a name that could be taken for a digest."""
    if name.familiar_name == _DIGEST_WORD:
        raise InvalidReference("refusing to create an ambiguous tag using digest algorithm as name")


def event(engine: Engine, image: Image, action: str, name: str = "") -> None:
    """Record that something happened to an image; its labels go with it, and its name, by default its id."""
    attributes = {**(image.config.labels or {}), "name": name or image.digest}
    with engine.database.telling() as tx:
        tx.event("image", action, image.digest, attributes)
