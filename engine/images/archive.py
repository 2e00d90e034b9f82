"""What an image archive says about its images: docker's manifest.json, or an OCI layout's index.json. Pure.

Format: docker save's manifest.json ([{"Config", "RepoTags", "Layers"}], paths inside the archive), OCI image-spec
image-layout.md (index.json, blobs/<algorithm>/<hex>).
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator
from typing import Any

from engine.errors import BadArchive, InvalidReference
from engine.images.reference import Reference, parse
from engine.lean_dataclasses import dataclass

_NAME = "io.containerd.image.name"
_REF_NAME = "org.opencontainers.image.ref.name"
_INDEXES = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
}
_MANIFESTS = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}
_MAX_DEPTH = 4
UNEXPECTED_EOF = "unexpected EOF"

Documents = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Item:
    """One image of an archive; manifest is its own where the archive has one."""

    config: bytes
    layers: list[str]  # paths inside the archive, the base first
    names: list[Reference]
    manifest: bytes | None = None


def clean(path: str) -> str:
    """Return a path inside an archive in the one spelling that we compare."""
    return posixpath.normpath("/" + path).lstrip("/")


def items(document: Documents, platform: tuple[str, str, str]) -> Iterator[Item]:
    """Give the images of an archive, in its order; document returns a member's content.

    Of an image for several platforms the one for platform is meant. Raises BadArchive, InvalidReference.
    """
    listed = document("manifest.json")
    if listed is not None:
        yield from _docker_items(_json("manifest.json", listed), document)
        return
    index = document("index.json")
    if index is None:
        raise BadArchive("open repositories: no such file or directory")  # dockerd looks for its oldest format then
    yield from _oci_items(_json("index.json", index), document, platform, {}, 0)


def _docker_items(listed: Any, document: Documents) -> Iterator[Item]:
    if listed is None:
        raise BadArchive("invalid manifest, manifest cannot be null (but can be [])")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        kind = {dict: "object", list: "array", str: "string", bool: "bool"}.get(type(listed), "number")
        raise BadArchive(f"json: cannot unmarshal {kind} into Go value of type []tarexport.manifestItem")
    for each in listed:
        path = str(each.get("Config") or "")
        config = document(path)
        if config is None:
            raise BadArchive(f"open {path}: no such file or directory")
        names = [_tagged(str(name)) for name in each.get("RepoTags") or []]
        yield Item(config, [str(layer) for layer in each.get("Layers") or []], names)


def _tagged(text: str) -> Reference:
    name = parse(text)
    if not name.tag:
        raise BadArchive(f"invalid tag {json.dumps(text)}")
    return Reference(name.domain, name.path, name.tag)


def _oci_items(
    index: Any, document: Documents, platform: tuple[str, str, str], outer: dict[str, str], depth: int
) -> Iterator[Item]:
    descriptors = index.get("manifests") if isinstance(index, dict) else None
    if not isinstance(descriptors, list) or depth > _MAX_DEPTH:
        raise BadArchive("invalid archive: failed to decode index.json")
    if depth:  # below the layout's own index lie the platforms of one image
        descriptors = [each for each in descriptors if _fits(each.get("platform") or {}, platform)][:1]
    for each in descriptors:
        annotations = {**outer, **(each.get("annotations") or {})}
        path = _blob(each.get("digest") or "")
        data = document(path)
        if data is None:
            raise BadArchive(f"open {path}: no such file or directory")
        if each.get("mediaType") in _INDEXES:
            yield from _oci_items(_json(path, data), document, platform, annotations, depth + 1)
        elif each.get("mediaType") in _MANIFESTS:
            yield _oci_item(_json(path, data), data, document, annotations)


def _oci_item(manifest: Any, data: bytes, document: Documents, annotations: dict[str, str]) -> Item:
    try:
        path = _blob(manifest["config"]["digest"])
        layers = [_blob(layer["digest"]) for layer in manifest["layers"]]
    except (KeyError, TypeError):
        raise BadArchive("invalid archive: failed to decode an image manifest") from None
    config = document(path)
    if config is None:
        raise BadArchive(f"open {path}: no such file or directory")
    return Item(config, layers, _annotated(annotations), data)


def _annotated(annotations: dict[str, str]) -> list[Reference]:
    """Return the name that an index gives an image, if it is a whole one and not a bare tag."""
    text = annotations.get(_NAME) or annotations.get(_REF_NAME) or ""
    if not set(text) & set("/:"):
        return []
    try:
        name = parse(text).with_default_tag
    except InvalidReference:
        return []
    return [Reference(name.domain, name.path, name.tag)] if name.tag else []


def _fits(found: dict[str, Any], wanted: tuple[str, str, str]) -> bool:
    system, architecture, variant = wanted
    same = found.get("os", system) == system and found.get("architecture", architecture) == architecture
    return same and (not variant or found.get("variant", variant) == variant)


def _blob(digest: str) -> str:
    algorithm, _, value = str(digest).partition(":")
    if not (algorithm.isalnum() and value.isalnum()):
        raise BadArchive("invalid checksum digest format")
    return f"blobs/{algorithm}/{value}"


def _json(path: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        if not data.strip():
            raise BadArchive("EOF") from None
        if error.pos >= len(data.decode(errors="replace").rstrip()):
            raise BadArchive(UNEXPECTED_EOF) from None
        raise BadArchive(f"invalid archive: failed to decode {path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise BadArchive(f"invalid archive: failed to decode {path}: {error}") from None
