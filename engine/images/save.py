"""Writing images as one archive that is docker's format and an OCI layout at once, as dockerd 28 writes it.

Layers come out of the store bit for bit as they came in; nothing is spooled, the archive is given in pieces.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.errors import EngineError, NoSuchImage, Unavailable
from engine.gathering import gathered
from engine.images import reference
from engine.images.configuration import diff_ids, encode
from engine.images.legacy import documents
from engine.images.manifest import INDEX, LAYER, MANIFEST, descriptor, digest_of, manifest_for
from engine.images.platform import NoExportTarget, Platform, is_exactly, of_document
from engine.images.record import Image
from engine.images.reference import Reference
from engine.images.remove import chain_ids
from engine.images.resolve import find, to_image
from engine.images.tag import event
from engine.lean_dataclasses import dataclass, field
from engine.times import seconds_of

if TYPE_CHECKING:
    from engine import Engine
    from engine.storage.images import StoredImage
    from engine.storage.layers import Layer

_BLOCK = 512


class NothingToSave(NoSuchImage):
    """A name that is to be saved stands for no image; reason is in dockerd's words, which are others than elsewhere."""

    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(reference)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Saved:
    """One image that goes into the archive, under these names."""

    image: Image
    layers: list[Layer]
    config: bytes
    manifest: bytes
    names: list[Reference] = field(default_factory=list)


class EmptyImage(EngineError):
    """An image without layers, which dockerd saves as little as we do."""

    def __init__(self) -> None:
        super().__init__("empty export - not implemented")


def save(engine: Engine, references: list[str], platform: Platform | None = None) -> Iterator[bytes]:
    """Give the archive of these images, in pieces.

    Raises NothingToSave, NoSuchImage, InvalidReference, Unavailable (a layer that cannot be given back),
    NoExportTarget (an image is for another platform than the wanted one), before the first piece.
    """
    chosen = [_saved(engine, image, names) for image, names in _choose(engine.store.images(), references)]
    if any(not diff_ids(each.image.document) for each in chosen):
        raise EmptyImage
    if platform is not None and not all(is_exactly(of_document(each.image.document), platform) for each in chosen):
        raise NoExportTarget(platform)
    return gathered(_archive(engine, chosen))


def _choose(images: list[StoredImage], references: list[str]) -> list[tuple[StoredImage, list[Reference]]]:
    """Return the images that the texts name, each once, with the names to save it under.

    A repository without a tag means all its tags; an id saves an image without a name.
    """
    names: dict[str, list[Reference]] = {}
    for text in references:
        wanted = reference.parse_any(text)
        matched = False
        if not isinstance(wanted, str) and not wanted.tag and not wanted.digest:
            for image in images:
                own = [
                    each for each in map(reference.parse, sorted(image.names)) if each.name == wanted.name and each.tag
                ]
                if own:
                    _extend(names.setdefault(image.id, []), own)
                    matched = True
        if matched:
            continue
        try:
            image = find(images, text)
        except NoSuchImage:
            if isinstance(wanted, str):
                raise
            named = (wanted.tag or wanted.digest) and wanted.familiar_name != "sha256"
            raise NothingToSave(text, "reference does not exist" if named else f"No such image: {text}") from None
        own = names.setdefault(image.id, [])
        if not isinstance(wanted, str) and wanted.with_default_tag.full in image.names and not wanted.digest:
            _extend(own, [wanted.with_default_tag])
    by_id = {image.id: image for image in images}
    return [(by_id[image_id], own) for image_id, own in names.items()]


def _extend(names: list[Reference], more: list[Reference]) -> None:
    names += [name for name in more if name not in names]


def _saved(engine: Engine, stored: StoredImage, names: list[Reference]) -> _Saved:
    image = to_image(engine, stored)
    layers = engine.store.layer_chain(image.layer)
    for layer in layers:
        if not engine.store.has_archive(layer):
            raise Unavailable(f"cannot save image {image.digest}: the archive of layer {layer.id} cannot be made again")
    config = engine.store.config(image.id)
    manifest = manifest_for(config, [(layer.diff_id, layer.archive_size) for layer in layers])
    return _Saved(image, layers, config, manifest, names)


def _archive(engine: Engine, chosen: list[_Saved]) -> Iterator[bytes]:
    """Give the tar: blobs by digest, then the documents that list them."""
    blobs: dict[str, tuple[int, int, Iterator[bytes]]] = {}
    for each in chosen:
        made = seconds_of(each.image.created)
        for data in documents(each.image.document, chain_ids([layer.diff_id for layer in each.layers])):
            blobs[digest_of(data)] = (len(data), made, iter([data]))
        blobs[digest_of(each.config)] = (len(each.config), made, iter([each.config]))
        blobs[digest_of(each.manifest)] = (len(each.manifest), 0, iter([each.manifest]))
        for layer in each.layers:
            if layer.diff_id not in blobs:
                blobs[layer.diff_id] = (layer.archive_size, made, engine.store.archive(layer))
    newest = max((seconds_of(each.image.created) for each in chosen), default=0)
    folders = [("blobs/", newest), ("blobs/sha256/", int(time.time()))] if chosen else []
    for name, changed in folders:
        yield _header(name, 0, changed)
    for digest, (size, made, pieces) in sorted(blobs.items()):
        yield from _file(f"blobs/sha256/{digest.removeprefix('sha256:')}", size, made, pieces)
    for name, data in _documents(chosen).items():
        yield from _file(name, len(data), 0, iter([data]))
    yield bytes(2 * _BLOCK)
    for each in chosen:
        event(engine, each.image, "save")


def _documents(chosen: list[_Saved]) -> dict[str, bytes]:
    repositories: dict[str, dict[str, str]] = {}
    manifests, listed = [], []
    for each in chosen:
        paths = [_path(layer.diff_id) for layer in each.layers]
        for name in each.names:
            if each.layers:
                top = each.layers[-1].diff_id.removeprefix("sha256:")
                repositories.setdefault(name.familiar_name, {})[name.tag] = top
        sources = {
            layer.diff_id: {"mediaType": LAYER, "size": layer.archive_size, "digest": layer.diff_id}
            for layer in each.layers
        }
        listed.append(
            {
                "Config": _path(digest_of(each.config)),
                "RepoTags": [name.familiar for name in each.names] or None,
                "Layers": paths,
                "LayerSources": dict(sorted(sources.items())),
            }
        )
        entry = descriptor(MANIFEST, digest_of(each.manifest), len(each.manifest))
        for name in each.names:
            annotations = {"io.containerd.image.name": name.full, "org.opencontainers.image.ref.name": name.tag}
            manifests.append({**entry, "annotations": annotations})
        if not each.names:
            manifests.append(entry)
    documents = {
        "index.json": encode({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests or None}),
        "manifest.json": encode(listed or None) + b"\n",
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
    }
    if repositories:
        ordered = {name: dict(sorted(tags.items())) for name, tags in sorted(repositories.items())}
        documents["repositories"] = encode(ordered) + b"\n"
    return documents


def _path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _file(name: str, size: int, changed: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield _header(name, size, changed)
    yield from pieces
    if size % _BLOCK:
        yield bytes(-size % _BLOCK)


def _header(name: str, size: int, changed: int) -> bytes:
    """Return the header of a file, or of a folder where the name ends with a slash, owned by root."""
    folder = name.endswith("/")
    length = b"%011o\0" % size if size < 1 << 33 else (size | 1 << 95).to_bytes(12, "big")
    block = bytearray(_BLOCK)
    fields = (
        (0, name.encode()),
        (100, b"%07o\0" % (0o755 if folder else 0o644)),
        (108, b"0000000\0"),
        (116, b"0000000\0"),
        (124, length),
        (136, b"%011o\0" % changed),
        (148, b" " * 8),
        (156, b"5" if folder else b"0"),
        (257, b"ustar\x0000"),
    )
    for at, data in fields:
        block[at : at + len(data)] = data
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)
