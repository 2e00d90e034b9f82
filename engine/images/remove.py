"""Taking names from images, and images away, by dockerd's rules.

A name takes only itself away; with the last one the image goes too, unless a container was made from it. An id takes
the image with its names away, if they are all of one repository or force is given. A running container keeps
its image in any case; force gives up one that only stopped containers need.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from engine.errors import (
    ImageHasChildren,
    ImageHasNames,
    ImageInUse,
    NoSuchImage,
    ReferenceInUse,
    StoredImageInUse,
)
from engine.images import reference
from engine.images.platform import Platform, check
from engine.images.record import Image, Removed
from engine.images.resolve import resolve, to_image
from engine.images.tag import event

if TYPE_CHECKING:
    from engine import Engine
    from engine.storage.images import StoredImage

_RUNNING = ("running", "paused", "restarting")


def remove(engine: Engine, text: str, *, force: bool, prune: bool, platform: Platform | None = None) -> list[Removed]:
    """Remove what text names; returns what that did, in order.

    With prune the images that it was made on go too, as far as they have no names and nothing else needs them. Raises
    NoSuchImage, InvalidReference, ReferenceInUse, ImageInUse, ImageHasNames, ImageHasChildren, StoredImageInUse,
    WrongPlatform.
    """
    image = resolve(engine, text)
    check(image, text, platform)
    containers = _containers(engine, image.id)
    done: list[Removed] = []
    quiet = False
    if not _is_id_prefix(image.id, text):
        if not force and _is_single(image.names) and containers:
            raise ReferenceInUse(text, containers[0][0], image.id)
        names = _untag(engine, image, text, done)
        if names:
            return done
        quiet = True
    elif _is_single(image.names):
        _check(engine, image, containers, force=force, names=[])
        for name in sorted(image.names):
            _take(engine, image, name, done)
    _delete(engine, image, force=force, quiet=quiet, done=done)
    while prune and (parent := _parent(engine, image)) is not None and _delete(engine, parent, quiet=True, done=done):
        image = parent
    return done


def children_of(images: list[StoredImage]) -> dict[str, list[str]]:
    """Return the ids of the images that were made on each image."""
    found: dict[str, list[str]] = {}
    for image in images:
        if image.parent:
            found.setdefault(image.parent, []).append(image.id)
    return found


def _parent(engine: Engine, image: Image) -> Image | None:
    """Return the image that one was made on, if it is still there."""
    if not image.parent:
        return None
    try:
        return to_image(engine, engine.store.image(image.parent))
    except NoSuchImage:
        return None


def _untag(engine: Engine, image: Image, text: str, done: list[Removed]) -> list[str]:
    """Take one name away, and with a repository's last tag its digests; returns the names that are left."""
    gone = reference.parse(text).with_default_tag
    full = f"{gone.name}@{gone.digest}" if gone.digest else gone.full
    _take(engine, image, full, done)
    left = [name for name in image.names if name != full]
    if gone.digest:
        return left
    of_repository = [name for name in left if reference.parse(name).name == gone.name]
    if any(not reference.parse(name).digest for name in of_repository):
        return left
    for name in of_repository:
        engine.store.set_names(image.id, add=[], remove=[name])
        done.append(Removed(untagged=reference.parse(name).familiar))
    return [name for name in left if name not in of_repository]


def _take(engine: Engine, image: Image, name: str, done: list[Removed]) -> None:
    engine.store.set_names(image.id, add=[], remove=[name])
    event(engine, image, "untag")
    done.append(Removed(untagged=reference.parse(name).familiar))


def _delete(engine: Engine, image: Image, *, force: bool = False, quiet: bool, done: list[Removed]) -> bool:
    """Remove an image with the names that it still has; returns whether that was done.

    quiet: what is still needed stays without a word.
    """
    names = sorted(engine.store.image(image.id).names)
    containers = _containers(engine, image.id)
    try:
        _check(engine, image, containers, force=force, names=[] if force else names)
    except (ImageInUse, ImageHasNames, ImageHasChildren):
        if not quiet:
            raise
        return False
    for name in names:
        _take(engine, image, name, done)
    chain = engine.store.layer_chain(image.layer)
    spared = [*(container_id for container_id, _ in containers), *_mounts(engine, image.id)] if force else []
    try:
        gone = {layer.id for layer in engine.store.delete_image(image.id, despite=spared)}
    except NoSuchImage:
        raise NoSuchImage(image.digest) from None
    except StoredImageInUse:
        if not quiet:
            raise
        return False
    with engine.database.transaction() as tx:
        tx.event("image", "delete", image.digest, {"name": image.digest})
    done.append(Removed(deleted=image.digest))
    ids = chain_ids([layer.diff_id for layer in chain])
    deleted = [chain_id for layer, chain_id in zip(chain, ids, strict=True) if layer.id in gone]
    done += [Removed(deleted=chain_id) for chain_id in reversed(deleted)]
    return True


def _check(engine: Engine, image: Image, containers: list[tuple[str, str]], *, force: bool, names: list[str]) -> None:
    """Raise what stands against removing an image; names are those that count as several."""
    if any(other.parent == image.id for other in engine.store.images()):
        raise ImageHasChildren(image.id)
    for container_id, status in containers:
        if status in _RUNNING:
            raise ImageInUse(image.id, container_id, running=True)
    if names:
        raise ImageHasNames(image.id)
    if containers and not force:
        raise ImageInUse(image.id, containers[0][0], running=False)


def _containers(engine: Engine, image_id: str) -> list[tuple[str, str]]:
    rows = engine.database.rows(
        # A container that only mounts the image is none that force has to mind: its mount keeps the layers.
        "SELECT id, CASE image_id WHEN ?1 THEN status ELSE '' END AS status FROM containers "
        "WHERE image_id = ?1 OR instr(definition, ?2) > 0 ORDER BY created, id",
        (image_id, f'"image_id":"{image_id}"'),  # as its own image, or mounted
    )
    return [(row["id"], row["status"]) for row in rows]


def _mounts(engine: Engine, image_id: str) -> list[str]:
    """Return what holds an image where containers mount it (engine.containers.image_mounts)."""
    rows = engine.database.rows(
        "SELECT json_extract(mount.value, '$.layer') AS layer FROM containers, "
        "json_each(containers.definition, '$.mounts') AS mount WHERE json_extract(mount.value, '$.image_id') = ?",
        (image_id,),
    )
    return [row["layer"] for row in rows]


def _is_id_prefix(image_id: str, text: str) -> bool:
    return image_id.startswith(text) or ("sha256:" + image_id).startswith(text)


def _is_single(names: list[str]) -> bool:
    """Whether an image's names come down to one: a single one, or a tag and digests of the same repository."""
    if len(names) <= 1:
        return len(names) == 1
    parsed = [reference.parse(name) for name in names]
    tags = [each for each in parsed if not each.digest]
    digests = {each.name for each in parsed if each.digest}
    if len(tags) > 1:
        return False
    first = tags[0] if tags else parsed[0]
    return digests == {first.name}


def chain_ids(diff_ids: list[str]) -> list[str]:
    """Return the chain ids of an image's layers, the base first (OCI image-spec, config.md)."""
    chains: list[str] = []
    for diff_id in diff_ids:
        chains.append("sha256:" + hashlib.sha256(f"{chains[-1]} {diff_id}".encode()).hexdigest() if chains else diff_id)
    return chains
