"""Manifests and indexes as registries give them: read with distrust. Pure; the error texts are dockerd's.

Formats: Docker image manifest version 2 schema 2, OCI image-spec manifest.md and image-index.md. What a manifest says
of sizes is for progress and a first check only: every blob is counted and hashed as it comes.
"""

from __future__ import annotations

import json
import re
from typing import Any

from engine.errors import InvalidParameter
from engine.images.platform import Platform, rank
from engine.lean_dataclasses import dataclass
from engine.registry.media_types import INDEXES, LAYERS, MANIFESTS, PLUGIN, SCHEMA_1
from engine.registry.refusals import BadContent

MOST_LAYERS = 125  # as dockerd: more cannot be mounted
MOST_ENTRIES = 10_000  # of an index
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|sha384:[0-9a-f]{96}")
_LARGEST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a document says of a blob."""

    media_type: str
    digest: str
    size: int
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image: its configuration and its layers, the base first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """An image of an index; platform None: it names none."""

    descriptor: Descriptor
    platform: Platform | None
    document: dict[str, Any]


def kind(media_type: str, data: bytes) -> str:
    """Return what a document is by its media type, or by what it says and holds where the type tells nothing.

    Returns manifest, index, schema 1, or "" for neither.
    """
    if media_type in MANIFESTS:
        return "manifest"
    if media_type in INDEXES:
        return "index"
    if media_type in SCHEMA_1:
        return "schema 1"
    if media_type not in ("", "application/json", "text/plain", "application/octet-stream"):
        return ""
    document = _object(data)
    own = document.get("mediaType")
    if isinstance(own, str) and own and own != media_type:
        return kind(own, data) if own in (*MANIFESTS, *INDEXES, *SCHEMA_1) else ""
    if document.get("schemaVersion") == 1 or "fsLayers" in document:
        return "schema 1"
    if "manifests" in document:
        return "index"
    return "manifest" if "config" in document or "layers" in document else ""


def parse_manifest(data: bytes, *, plugins: bool = False) -> Manifest:
    """Return the image, or with plugins also the plugin, that a manifest describes. Raises BadContent, NotAnImage."""
    document = _object(data)
    if document.get("schemaVersion") != 2:
        raise BadContent(f"unsupported manifest schema version {document.get('schemaVersion')}")
    if "manifests" in document or "fsLayers" in document:
        raise BadContent('the manifest should not have "manifests" or "fsLayers"')
    config = _descriptor(document.get("config"), "config")
    if config.media_type == PLUGIN and not plugins:
        raise NotAnImage(config.media_type)
    listed = document.get("layers") or []
    if not isinstance(listed, list):
        raise BadContent("the manifest's layers are no list")
    if len(listed) > MOST_LAYERS:
        raise BadContent("failed to register layer: max depth exceeded")
    return Manifest(config, tuple(_descriptor(each, "layer") for each in listed))


def check_media_types(manifest: Manifest) -> None:
    """Raise BadContent when a manifest's layers are none that can be unpacked."""
    for layer in manifest.layers:
        if layer.media_type not in LAYERS:
            raise BadContent(f"unsupported media type {layer.media_type}")


def parse_index(data: bytes) -> list[IndexEntry]:
    """Return the images of an index. Raises BadContent."""
    document = _object(data)
    listed = document.get("manifests")
    listed = [] if listed is None else listed
    if document.get("schemaVersion") != 2 or not isinstance(listed, list):
        raise BadContent("the index cannot be read")
    if any(key in document for key in ("config", "layers", "fsLayers")):
        raise BadContent('the index should not have "config", "layers", or "fsLayers"')
    if len(listed) > MOST_ENTRIES:
        raise BadContent(f"the index has more than {MOST_ENTRIES} entries")
    return [IndexEntry(_descriptor(each, "manifest"), _platform(each), each) for each in listed]


def choose(entries: list[IndexEntry], wanted: Platform) -> Descriptor:
    """Return the image of an index that a machine of the wanted platform runs best; the first of equals.

    Raises NoMatchingManifest.
    """
    ranked = [
        (1_000 if entry.platform is None else place, number, entry.descriptor)
        for number, entry in enumerate(entries)
        if entry.platform is None or (place := rank(entry.platform, wanted)) is not None
    ]
    if not ranked:
        raise NoMatchingManifest(wanted)
    return min(ranked)[2]


class NotAnImage(BadContent, InvalidParameter):
    """A manifest of something else than an image."""

    def __init__(self, media_type: str) -> None:
        super().__init__(f"Encountered remote {json.dumps(media_type)}(plugin) when fetching")
        self.media_type = media_type


class NoMatchingManifest(BadContent):
    """An index has nothing for the wanted platform; what dockerd calls not found."""

    def __init__(self, wanted: Platform) -> None:
        super().__init__(f"no matching manifest for {wanted} in the manifest list entries")
        self.wanted = wanted


def _object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadContent(f"the manifest cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise BadContent("the manifest cannot be read: it is no object")
    return document


def _descriptor(value: Any, what: str) -> Descriptor:
    if not isinstance(value, dict):
        raise BadContent(f"the manifest's {what} is no descriptor")
    media_type, digest, size = value.get("mediaType", ""), value.get("digest"), value.get("size", 0)
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise BadContent(f"the digest of a {what} cannot be meant: {str(digest)[:200]}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _LARGEST:
        raise BadContent(f"the size of {what} {digest} cannot be meant: {str(size)[:40]}")
    if not isinstance(media_type, str):
        raise BadContent(f"the media type of {what} {digest} is no text")
    urls = value.get("urls") or []
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise BadContent(f"the URLs of {what} {digest} are no texts")
    return Descriptor(media_type, digest, size, tuple(urls))


def _platform(value: dict[str, Any]) -> Platform | None:
    found = value.get("platform")
    if not isinstance(found, dict):
        return None
    names = ("os", "architecture", "variant", "os.version")
    texts = [each if isinstance(each := found.get(name), str) else "" for name in names]
    return Platform(*texts) if texts[0] or texts[1] else None
