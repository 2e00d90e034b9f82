"""Manifests and indexes, good ones and hostile ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.images.platform import Platform
from engine.registry.manifests import (
    NoMatchingManifest,
    NotAnImage,
    check_media_types,
    choose,
    kind,
    parse_index,
    parse_manifest,
)
from engine.registry.media_types import DOCKER_LAYER, DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, PLUGIN
from engine.registry.refusals import BadContent

DIGEST = "sha256:" + "a" * 64
BLOB = {"mediaType": DOCKER_LAYER, "digest": DIGEST, "size": 5}
WHOLE: dict[str, Any] = {"schemaVersion": 2, "config": {**BLOB, "mediaType": ""}, "layers": [BLOB]}


def test_a_manifest() -> None:
    found = parse_manifest(json.dumps(WHOLE).encode())
    assert found.config.digest == DIGEST
    assert [(layer.digest, layer.size) for layer in found.layers] == [(DIGEST, 5)]
    check_media_types(found)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        {**WHOLE, "schemaVersion": 1},
        {**WHOLE, "manifests": []},
        {**WHOLE, "config": None},
        {**WHOLE, "layers": "x"},
        {**WHOLE, "layers": [5]},
        {**WHOLE, "layers": [{**BLOB, "digest": "sha256:../../x"}]},
        {**WHOLE, "layers": [{**BLOB, "digest": 5}]},
        {**WHOLE, "layers": [{**BLOB, "size": -1}]},
        {**WHOLE, "layers": [{**BLOB, "size": 1 << 63}]},
        {**WHOLE, "layers": [{**BLOB, "size": True}]},
        {**WHOLE, "layers": [{**BLOB, "size": "5"}]},
        {**WHOLE, "layers": [{**BLOB, "mediaType": 5}]},
        {**WHOLE, "layers": [{**BLOB, "urls": "x"}]},
        {**WHOLE, "layers": [BLOB] * 126},
    ],
)
def test_what_is_no_manifest(document: Any) -> None:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(BadContent):
        parse_manifest(data)


def test_a_plugin_is_no_image() -> None:
    data = json.dumps({**WHOLE, "config": {**BLOB, "mediaType": PLUGIN}}).encode()
    with pytest.raises(NotAnImage):
        parse_manifest(data)
    assert parse_manifest(data, plugins=True).config.media_type == PLUGIN


def test_layers_that_cannot_be_unpacked() -> None:
    data = json.dumps({**WHOLE, "layers": [{**BLOB, "mediaType": "application/x"}]}).encode()
    with pytest.raises(BadContent, match="unsupported media type application/x"):
        check_media_types(parse_manifest(data))


@pytest.mark.parametrize(
    ("media_type", "document", "found"),
    [
        (DOCKER_MANIFEST, {}, "manifest"),
        (OCI_INDEX, {}, "index"),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", {}, "schema 1"),
        ("application/vnd.example", WHOLE, ""),
        ("", {"mediaType": OCI_MANIFEST}, "manifest"),
        ("application/json", {"mediaType": DOCKER_LIST}, "index"),
        ("text/plain", {"manifests": []}, "index"),
        ("", {"fsLayers": []}, "schema 1"),
        ("", {"schemaVersion": 1}, "schema 1"),
        ("", WHOLE, "manifest"),
        ("", {"mediaType": "application/x"}, ""),
        ("", {}, ""),
    ],
)
def test_what_a_document_is(media_type: str, document: Any, found: str) -> None:
    assert kind(media_type, json.dumps(document).encode()) == found


def entry(number: int, **platform: str) -> dict[str, Any]:
    return {"digest": f"sha256:{number:064x}", "size": 1, "mediaType": DOCKER_MANIFEST, "platform": platform}


def chosen(wanted: Platform, *entries: dict[str, Any]) -> int:
    found = parse_index(json.dumps({"schemaVersion": 2, "manifests": list(entries)}).encode())
    return int(choose(found, wanted).digest.partition(":")[2], 16)


def test_the_best_platform_is_chosen() -> None:
    entries = (
        entry(0, os="unknown", architecture="unknown"),
        entry(1, os="linux", architecture="arm", variant="v6"),
        entry(2, os="linux", architecture="arm", variant="v7"),
        entry(3, os="linux", architecture="arm64", variant="v8"),
        entry(4, os="linux", architecture="386"),
    )
    assert chosen(Platform("linux", "arm", "v7"), *entries) == 2
    assert chosen(Platform("linux", "arm", "v8"), *entries) == 2
    assert chosen(Platform("linux", "arm", "v6"), *entries) == 1
    assert chosen(Platform("linux", "arm64"), *entries) == 3
    assert chosen(Platform("linux", "amd64"), *entries) == 4
    with pytest.raises(NoMatchingManifest, match="no matching manifest for linux/s390x in"):
        chosen(Platform("linux", "s390x"), *entries)


def test_one_without_a_platform_is_the_last_resort() -> None:
    bare = {**entry(1), "platform": None}
    assert chosen(Platform("linux", "amd64"), bare, entry(2, os="linux", architecture="amd64")) == 2
    assert chosen(Platform("linux", "amd64"), bare, entry(2, os="linux", architecture="arm64")) == 1


@pytest.mark.parametrize(
    "document",
    [
        {"schemaVersion": 1, "manifests": []},
        {"schemaVersion": 2, "manifests": {}},
        {"schemaVersion": 2, "manifests": [], "layers": []},
        {"schemaVersion": 2, "manifests": [entry(1)] * 10_001},
        {"schemaVersion": 2, "manifests": [{"digest": "x"}]},
    ],
)
def test_what_is_no_index(document: Any) -> None:
    with pytest.raises(BadContent):
        parse_index(json.dumps(document).encode())
