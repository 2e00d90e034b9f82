"""What this machine knows of an image's layers in registries: under which digests, and in which repositories.

Read from the manifests that the store keeps with each image, pulled or pushed, by any engine; an image's names say
where its manifests are. So nothing but the store has to remember it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.errors import BadArchive, InvalidReference, NoSuchImage
from engine.images import configuration, reference
from engine.lean_dataclasses import dataclass
from engine.registry.manifests import Manifest, kind, parse_manifest
from engine.registry.media_types import DOCKER_LAYER, OCI_LAYER
from engine.registry.refusals import BadContent

if TYPE_CHECKING:
    from engine.storage.images import StoredImage
    from engine.storage.layers import Layer
    from engine.storage.store import Store

_MANIFEST = "manifest-"
_MEDIA_TYPES = {2: DOCKER_LAYER, 4: f"{OCI_LAYER}+zstd"}  # by containers/storage's number of the packing


@dataclass(frozen=True, slots=True)
class KnownBlob:
    """A layer's form in registries; path: of a repository that had it, "" where none is known."""

    digest: str
    size: int
    media_type: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class KnownManifest:
    """A manifest of an image, whole."""

    digest: str
    data: bytes
    manifest: Manifest


def manifests_of(store: Store, image: StoredImage) -> list[KnownManifest]:
    """Return the manifests that are kept with an image, the newest last."""
    return [
        KnownManifest(digest, data, parsed) for digest, data, parsed in _documents(store, image) if parsed is not None
    ]


def registry_digests(store: Store, image: StoredImage) -> list[str]:
    """Return the digests by which a registry knows an image: of its indexes, and its manifests with packed layers."""
    return [
        digest
        for digest, _, parsed in _documents(store, image)
        if parsed is None or any(layer.media_type.endswith(("gzip", "zstd")) for layer in parsed.layers)
    ]


def _documents(store: Store, image: StoredImage) -> Iterator[tuple[str, bytes, Manifest | None]]:
    """Yield digest and content of what is kept, with a manifest's meaning, None for an index; not what is broken."""
    for name in image.big_data:
        if not name.startswith(_MANIFEST):
            continue
        try:
            data = store.image_document(image.id, name)
            what = kind("", data)
            parsed = parse_manifest(data) if what == "manifest" else None
        except (NoSuchImage, BadContent):
            continue
        if what in ("manifest", "index"):
            yield name.removeprefix(_MANIFEST), data, parsed


def of_registry(store: Store, domain: str, layers: list[Layer]) -> dict[str, list[KnownBlob]]:
    """Return the forms of these layers that a registry may have, by diff id, those with a repository first."""
    wanted = {layer.diff_id for layer in layers}
    found: dict[str, dict[tuple[str, str], KnownBlob]] = {diff_id: {} for diff_id in wanted}
    for image in store.images():
        paths = _paths(image, domain)
        if not paths:
            continue
        try:
            diff_ids = configuration.diff_ids(configuration.parse(store.config(image.id)))
        except (NoSuchImage, BadArchive):
            continue
        if not wanted.intersection(diff_ids):
            continue
        own = {name.rpartition("@")[2] for name in image.names if "@" in name}
        for known in manifests_of(store, image):
            if len(known.manifest.layers) != len(diff_ids):
                continue
            for diff_id, form in zip(diff_ids, known.manifest.layers, strict=True):
                if diff_id in wanted and (form.digest != diff_id or known.digest in own):
                    for path in paths:
                        blob = KnownBlob(form.digest, form.size, form.media_type, path)
                        found[diff_id].setdefault((form.digest, path), blob)
    for layer in layers:
        if layer.packing in _MEDIA_TYPES and not any(key[0] == layer.compressed_digest for key in found[layer.diff_id]):
            media_type = _MEDIA_TYPES[layer.packing]
            blob = KnownBlob(layer.compressed_digest, layer.compressed_size, media_type)
            found[layer.diff_id][(layer.compressed_digest, "")] = blob
    return {diff_id: list(blobs.values()) for diff_id, blobs in found.items()}


def _paths(image: StoredImage, domain: str) -> list[str]:
    """Return an image's repositories in a registry, those first from which or to which it was transferred."""
    named: dict[str, bool] = {}
    for name in image.names:
        try:
            parsed = reference.parse(name)
        except InvalidReference:
            continue
        if parsed.domain == domain:
            named[parsed.path] = named.get(parsed.path, False) or bool(parsed.digest)
    return sorted(named, key=lambda path: not named[path])
