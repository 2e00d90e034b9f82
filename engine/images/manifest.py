"""Manifests for images that come without one: what dockerd writes for an image it saves. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

from engine.images.configuration import encode

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    """Return how one document names another."""
    return {"mediaType": media_type, "digest": digest, "size": size}


def manifest_for(config: bytes, layers: list[tuple[str, int]]) -> bytes:
    """Return the manifest of a configuration and plain layers, each as diff id and archive size."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, digest_of(config), len(config)),
        "layers": [descriptor(LAYER, diff_id, size) for diff_id, size in layers],
    }
    return encode(document)


def digest_of(data: bytes) -> str:
    """Return a document's digest."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
