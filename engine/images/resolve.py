"""Finding the image that a text stands for: a name, a digest, an id or the beginning of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InvalidReference, NoSuchImage
from engine.images import configuration, reference
from engine.images.record import Image

if TYPE_CHECKING:
    from engine import Engine
    from engine.storage.images import StoredImage
    from engine.storage.store import Store


def resolve(engine: Engine, text: str) -> Image:
    """Return the image that a text stands for, as dockerd looks for it.

    A name wins over an id that begins with the same characters; an id's beginning that fits several images
    names none. Raises NoSuchImage, InvalidReference.
    """
    return to_image(engine, find(engine.store.images(), text))


def to_image(engine: Engine, stored: StoredImage) -> Image:
    """Return a stored image with its configuration."""
    document = configuration.parse(engine.store.config(stored.id))
    config = configuration.container_config(document)
    names = names_of(engine.store, stored)
    return Image(stored.id, names, stored.layer, config, document, stored.parent)


def find(images: list[StoredImage], text: str) -> StoredImage:
    """Return the one of the images that a text stands for. Raises NoSuchImage, InvalidReference."""
    wanted = reference.parse_any(text)
    if isinstance(wanted, str):
        for image in images:
            if wanted == "sha256:" + image.id:
                return image
        raise NoSuchImage(wanted)
    wanted = wanted.with_default_tag
    for image in images:
        if has_name(image.names, wanted) or _has_digest(image, wanted):
            return image
    prefix = text.removeprefix("sha256:")
    found = [image for image in images if image.id.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    raise NoSuchImage(wanted.familiar)


def has_name(names: list[str], wanted: reference.Reference) -> bool:
    """Whether one of an image's names is the wanted one; a digest counts more than a tag beside it."""
    if wanted.digest:
        return f"{wanted.name}@{wanted.digest}" in names
    return wanted.full in names


def names_of(store: Store, image: StoredImage) -> list[str]:
    """Return an image's names, with digests also where another engine pulled it, which keeps none as names.

    An image whose layers no registry had packed was made or loaded here and is known by no digest.
    """
    if image.digests_are_names or not image.names or any("@" in name for name in image.names):
        return image.names
    from engine.images.known_blobs import registry_digests

    tagged = [reference.parse(name) for name in image.names]
    digests = registry_digests(store, image)
    return [*image.names, *(f"{name}@{each}" for name in dict.fromkeys(tag.name for tag in tagged) for each in digests)]


def _has_digest(image: StoredImage, wanted: reference.Reference) -> bool:
    """Whether an image is known by a digest that another engine did not keep as a name."""
    if image.digests_are_names or not wanted.digest or f"manifest-{wanted.digest}" not in image.big_data:
        return False
    return any(name.startswith(f"{wanted.name}:") for name in image.names) and "@" not in "".join(image.names)


def tags_and_digests(names: list[str]) -> tuple[list[str], list[str]]:
    """Return an image's names as people write them, those with tags and those with digests, by their whole names."""
    tags: list[str] = []
    digests: list[str] = []
    for name in sorted(names):
        try:
            parsed = reference.parse(name)
        except InvalidReference:
            continue
        (digests if parsed.digest else tags).append(parsed.familiar)
    return tags, digests
