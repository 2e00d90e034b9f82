"""What image archives say about their images."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import BadArchive
from engine.images.archive import Item, clean, items

HERE = ("linux", "amd64", "")
DIGEST = "sha256:" + "ab" * 32


def of(documents: dict[str, Any]) -> list[Item]:
    data = {path: json.dumps(document).encode() for path, document in documents.items()}
    return list(items(data.get, HERE))


def blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def test_dockers_manifest() -> None:
    listed = [{"Config": "c.json", "RepoTags": ["a", "b:1"], "Layers": ["x/layer.tar"]}]
    with pytest.raises(BadArchive, match='invalid tag "a"'):
        of({"manifest.json": listed, "c.json": {}})
    listed[0]["RepoTags"] = ["a:latest", "b:1"]
    (item,) = of({"manifest.json": listed, "c.json": {}})
    assert [name.familiar for name in item.names] == ["a:latest", "b:1"]
    assert (item.layers, item.manifest, item.config) == (["x/layer.tar"], None, b"{}")


def oci(descriptor: dict[str, Any], **more: Any) -> dict[str, Any]:
    manifest = {"config": {"digest": "sha256:c0"}, "layers": [{"digest": "sha256:11"}, {"digest": "sha256:22"}]}
    kind = "application/vnd.oci.image.manifest.v1+json"
    return {
        "index.json": {"manifests": [{"mediaType": kind, "digest": DIGEST, **descriptor}]},
        blob(DIGEST): manifest,
        "blobs/sha256/c0": {"os": "linux"},
        **more,
    }


@pytest.mark.parametrize(
    ("annotations", "names"),
    [
        ({}, []),
        ({"org.opencontainers.image.ref.name": "latest"}, []),
        ({"org.opencontainers.image.ref.name": "quay.io/a/b:c"}, ["quay.io/a/b:c"]),
        ({"io.containerd.image.name": "docker.io/library/x:1", "org.opencontainers.image.ref.name": "1"}, ["x:1"]),
        ({"org.opencontainers.image.ref.name": "NOT/a name"}, []),
    ],
)
def test_an_oci_layout(annotations: dict[str, str], names: list[str]) -> None:
    (item,) = of(oci({"annotations": annotations}))
    assert [name.familiar for name in item.names] == names
    assert item.layers == ["blobs/sha256/11", "blobs/sha256/22"]
    assert item.manifest is not None
    assert "layers" in json.loads(item.manifest)


def test_of_several_platforms_ours_is_taken() -> None:
    documents = oci({})
    inner = "sha256:" + "cd" * 32
    kind = "application/vnd.oci.image.manifest.v1+json"
    documents[blob(inner)] = {
        "manifests": [
            {"mediaType": kind, "digest": "sha256:other", "platform": {"os": "linux", "architecture": "arm64"}},
            {"mediaType": kind, "digest": DIGEST, "platform": {"os": "linux", "architecture": "amd64"}},
            {"mediaType": kind, "digest": "sha256:att", "platform": {"os": "unknown", "architecture": "unknown"}},
        ]
    }
    index = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": inner}
    documents["index.json"] = {"manifests": [{**index, "annotations": {"io.containerd.image.name": "x:2"}}]}
    (item,) = of(documents)
    assert [name.familiar for name in item.names] == ["x:2"]


def test_dockers_manifest_counts_more_than_the_layout_beside_it() -> None:
    documents = oci({}) | {"manifest.json": [{"Config": "c", "RepoTags": None, "Layers": []}], "c": {}}
    (item,) = of(documents)
    assert item.layers == []


@pytest.mark.parametrize(
    ("documents", "reason"),
    [
        ({}, "open repositories: no such file or directory"),
        ({"manifest.json": None}, "manifest cannot be null"),
        ({"manifest.json": {}}, "cannot unmarshal object into Go value"),
        ({"manifest.json": [{"Config": "gone"}]}, "open gone: no such file"),
        ({"index.json": []}, "failed to decode index.json"),
        (
            {"index.json": {"manifests": [{"digest": "../../etc/passwd"}]}},
            "invalid checksum digest format",
        ),
    ],
)
def test_what_is_no_image_archive(documents: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadArchive, match=reason):
        of(documents)


def test_an_index_that_contains_itself_ends() -> None:
    kind = "application/vnd.oci.image.index.v1+json"
    loop = {"manifests": [{"mediaType": kind, "digest": DIGEST}]}
    with pytest.raises(BadArchive):
        of({"index.json": loop, blob(DIGEST): loop})


def test_paths_are_compared_in_one_spelling() -> None:
    assert clean("./a/../b//c") == clean("/b/c") == "b/c"
