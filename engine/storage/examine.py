"""What is wrong in a store, in words, and mending it: `skiff check [--repair]`.

Looks at what a kill or a power cut can leave, in the records and on disk, and, with contents, whether every layer still
gives back the archive that it was made of. Mending removes what cannot be used: unfinished layers, folders that no
record names, images that lack a layer or a document, containers without a layer. Nothing that is whole is touched, and
nothing that another engine may be making right now: layers that nobody needs yet are left for a day, as podman does.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.storage.folders import in_use, remove_tree, temporary_folder
from engine.storage.images import data_file
from engine.storage.layers import INCOMPLETE, STAGE, TAR_SPLIT, is_incomplete, to_layer
from engine.times import nanoseconds_of

if TYPE_CHECKING:
    from engine.storage.layers import Layer
    from engine.storage.records import Record, Snapshot
    from engine.storage.store import Store

GRACE_NANOSECONDS = 24 * 3600 * 10**9  # for layers that nothing needs


def examine(store: Store, *, contents: bool = False) -> list[str]:
    """Return what is wrong, a line each; with contents, read every layer of an image, too."""
    with (
        store.layers.records.reading() as layers,
        store.image_records.records.reading() as images,
        store.container_records.records.reading() as containers,
    ):
        known = [layers, *(other.records.snapshot() for other in store.layers.others)]
        found = [*_layers(store, layers, known), *_leftovers(store, layers, images)]
        found += [f"layer {each} is needed by nothing" for each in unneeded(store, layers, images, containers)]
        found += [text for image in images for text in _image(store, image, known)]
        found += [text for container in containers for text in _container(container, known)]
    if contents:
        found += [f"layer {layer.id} is damaged: {cause}" for layer, cause in damaged(store)]
    return found


def repair(store: Store, *, contents: bool = False) -> None:
    """Mend what examine finds, as far as that can be done. Raises OSError."""
    broken = {layer.id for layer, _ in damaged(store)} if contents else set()
    with temporary_folder(store.layers.staging) as stage, store.layers.cleaning() as layers:
        known = [layers, *(other.records.snapshot() for other in store.layers.others)]
        store.layers.drop(layers, _lost(store, layers, known), stage)
        with store.image_records.cleaning() as images:
            with store.container_records.records.writing() as containers:
                for container in list(containers):
                    if any(_container(container, known)):
                        containers.remove(container["id"])
                containers.save()
                used = {container.get("image") for container in containers}
            for image in list(images):
                damaged_below = bool(broken & set(_chain(known, image.get("layer"))))
                if any(_image(store, image, known)) or (damaged_below and image["id"] not in used):
                    images.remove(image["id"])
                    remove_tree(store.image_records.folder / image["id"])
            images.save()
            with store.container_records.records.reading() as held:
                gone = unneeded(store, layers, images, held)
        store.layers.drop(layers, gone, stage)
        store.layers.overlay.restore_links()


def _lost(store: Store, layers: Snapshot, known: list[Snapshot]) -> list[str]:
    """Return the layers that lack their folder or what they lie on, and all that lie on these, the upper ones first."""
    lost: list[str] = []
    for record in layers:  # a layer is recorded after its parent
        parent = record.get("parent")
        if (
            not store.layers.overlay.folder(record["id"]).is_dir()
            or parent in lost
            or (parent and _record(known, parent) is None)
        ):
            lost.append(record["id"])
    return lost[::-1]


def damaged(store: Store) -> Iterator[tuple[Layer, str]]:
    """Give the layers that no longer give back the archive they were made of, with the cause."""
    for record in store.layers.records.snapshot():
        layer = to_layer(record)
        if not layer.diff_id or is_incomplete(record) or not store.has_archive(layer):
            continue
        digest = hashlib.sha256()
        try:
            for piece in store.archive(layer):
                digest.update(piece)
        except (EngineError, OSError, ValueError) as error:
            yield layer, str(error)
            continue
        if f"sha256:{digest.hexdigest()}" != layer.diff_id:
            yield layer, "its archive has another digest"


def unneeded(store: Store, layers: Snapshot, images: Snapshot, containers: Snapshot) -> list[str]:
    """Return the layers that no image and no container leads to and that nobody is making, the upper ones first."""
    needed: set[str] = set()
    tops = [container.get("layer", "") for container in containers]
    for image in images:
        tops += [image.get("layer", ""), *(image.get("mapped-layers") or [])]
    for top in tops:
        needed.update(_chain([layers], top))
    for record in layers:
        if _may_be_in_the_making(store, record):
            needed.update(_chain([layers], record["id"]))
    return [record["id"] for record in reversed([*layers]) if record["id"] not in needed]


def _may_be_in_the_making(store: Store, record: Record) -> bool:
    stage = (record.get("flags") or {}).get(STAGE)
    if stage:
        return in_use(store.layers.staging / stage)
    created = nanoseconds_of(record.get("created") or "") or 0
    return time.time_ns() - created < GRACE_NANOSECONDS


def _chain(known: list[Snapshot], top: str | None) -> list[str]:
    """Return a layer and those below it, as far as there are records."""
    found: list[str] = []
    while top and top not in found:
        record = _record(known, top)
        if record is None:
            break
        found.append(top)
        top = record.get("parent")
    return found


def _record(known: list[Snapshot], layer_id: str) -> Record | None:
    return next((record for layers in known if (record := layers.get(layer_id))), None)


def _layers(store: Store, layers: Snapshot, known: list[Snapshot]) -> Iterator[str]:
    overlay = store.layers.overlay
    for record in layers:
        layer_id = record["id"]
        if is_incomplete(record):
            yield f"layer {layer_id} is marked {INCOMPLETE}"
        if not overlay.folder(layer_id).is_dir():
            yield f"layer {layer_id} has no folder"
        elif not overlay.has_link(layer_id):
            yield f"layer {layer_id} has no link"
        parent = record.get("parent")
        if parent and _record(known, parent) is None:
            yield f"layer {layer_id} lies on {parent}, which is not there"


def _leftovers(store: Store, layers: Snapshot, images: Snapshot) -> Iterator[str]:
    for name in store.layers.overlay.layer_folders():
        if name not in layers:
            yield f"folder {name} belongs to no layer"
    for name in _names(store.layers.folder):
        if name.endswith(TAR_SPLIT) and name.removesuffix(TAR_SPLIT) not in layers:
            yield f"file {name} belongs to no layer"
    for name in _names(store.image_records.folder):
        if len(name) == 64 and name not in images:
            yield f"folder {name} belongs to no image"
    for name in _names(store.layers.staging):
        if name.startswith("temp-dir-") and not in_use(store.layers.staging / name):
            yield f"folder {name} was left by a process that is gone"


def _image(store: Store, image: Record, known: list[Snapshot]) -> Iterator[str]:
    top: str | None = image.get("layer")
    while top:
        record = _record(known, top)
        if record is None:
            yield f"image {image['id']} lacks layer {top}"
            break
        top = record.get("parent")
    digests = image.get("big-data-digests") or {}
    for name in image.get("big-data-names") or []:
        try:
            data = (store.image_records.folder / image["id"] / data_file(name)).read_bytes()
        except FileNotFoundError:
            yield f"image {image['id']} lacks its document {name}"
            continue
        if name in digests and digests[name] != f"sha256:{hashlib.sha256(data).hexdigest()}":
            yield f"image {image['id']} has another document {name} than it had"


def _container(container: Record, known: list[Snapshot]) -> Iterator[str]:
    layer_id = container.get("layer")
    if layer_id and _record(known, layer_id) is None:
        yield f"container {container['id']} lacks its layer {layer_id}"


def _names(folder: os.PathLike[str]) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
