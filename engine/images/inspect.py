"""What there is to say about one image, and about the steps of its making."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import NoSuchImage, NoSuchLayer
from engine.images.configuration import container_config, diff_ids
from engine.images.platform import Platform, check
from engine.images.record import HistoryEntry, Image, ImageDetails
from engine.images.resolve import find, resolve, tags_and_digests, to_image
from engine.kept import Kept
from engine.lean_dataclasses import replace
from engine.times import seconds_of

if TYPE_CHECKING:
    from engine import Engine


_kept: Kept[ImageDetails] = Kept(64)


def inspect(engine: Engine, reference: str, platform: Platform | None = None) -> ImageDetails:
    """Return everything about an image. Raises NoSuchImage, InvalidReference, WrongPlatform."""
    store = engine.store
    stored = find(store.images(), reference)
    if platform is not None:
        check(to_image(engine, stored), reference, platform)
    tagged_at = store.tagged_at(stored.id)

    def make() -> ImageDetails:
        image = to_image(engine, stored)
        graph = store.image_graph(image.layer) if image.layer else {}
        return details(image, size(engine, image), graph, tagged_at)

    return _kept.of(stored.id, (stored, store.layers.snapshots(), tagged_at), make)


def details(image: Image, size: int, graph: dict[str, str], last_tag_time: str) -> ImageDetails:
    """Return what an image's documents say of it, with the bytes and the folders of its layers. Pure."""
    document = image.document
    tags, digests = tags_and_digests(image.names)
    return ImageDetails(
        id=image.digest,
        repo_tags=tags,
        repo_digests=digests,
        parent=f"sha256:{image.parent}" if image.parent else "",
        comment=comment(document),
        created=image.created,
        docker_version=str(document.get("docker_version") or ""),
        author=str(document.get("author") or ""),
        architecture=str(document.get("architecture") or ""),
        variant=str(document.get("variant") or ""),
        os=str(document.get("os") or "linux"),
        os_version=str(document.get("os.version") or ""),
        size=size,
        graph_driver="overlay2",  # the name under which Docker's clients know overlayfs
        graph=graph,
        rootfs_type=str((document.get("rootfs") or {}).get("type") or ""),
        diff_ids=diff_ids(document),
        last_tag_time=last_tag_time,
        config=image.config,
        container=str(document.get("container") or ""),
        container_config=container_config({"config": document.get("container_config")}),
        raw_config=dict(document.get("config") or {}),
    )


def comment(document: dict[str, Any]) -> str:
    """Return an image's comment: its own, or that of its last step."""
    own = document.get("comment") or ""
    history = document.get("history") or []
    return str(own or (history[-1].get("comment") if history else "") or "")


def size(engine: Engine, image: Image) -> int:
    """Return the bytes of all of an image's layers."""
    try:
        return sum(engine.store.layer_size(layer) for layer in engine.store.layer_chain(image.layer))
    except NoSuchLayer:
        return 0  # somebody is removing the image


def history(engine: Engine, reference: str, platform: Platform | None = None) -> list[HistoryEntry]:
    """Return an image's steps, the newest first; a step that made no layer has size 0.

    Raises NoSuchImage, InvalidReference, WrongPlatform.
    """
    image = resolve(engine, reference)
    check(image, reference, platform)
    known = _lineage(engine, image)
    layers = engine.store.layer_chain(image.layer)
    entries: list[HistoryEntry] = []
    made = 0
    for step in image.document.get("history") or []:
        bytes_made = 0
        if not step.get("empty_layer") and made < len(layers):
            bytes_made = engine.store.layer_size(layers[made])
            made += 1
        entries.insert(
            0,
            HistoryEntry(
                id="<missing>",
                created=seconds_of(step.get("created") or ""),
                created_by=step.get("created_by") or "",
                tags=None,
                size=bytes_made,
                comment=step.get("comment") or "",
            ),
        )
    for index, (entry, made_by) in enumerate(zip(entries, known, strict=False)):
        tags, _ = tags_and_digests(made_by.names)
        entries[index] = replace(entry, id=made_by.digest, tags=tags or None)
    return entries


def _lineage(engine: Engine, image: Image) -> list[Image]:
    """Return an image and those that it was made on, each on the next, as far as they are still there."""
    known = [image]
    while known[-1].parent:
        try:
            known.append(to_image(engine, engine.store.image(known[-1].parent)))
        except NoSuchImage:
            break
    return known
